import { UnrecoverableError } from 'bullmq';
import { foldChat } from '@sluice/shared/chat-state';
import type { ChatState } from '@sluice/shared/chat-state';
import { isTerminal } from '@sluice/shared/contracts/events';
import type { Source, Usage } from '@sluice/shared/contracts/events';
import type { ChatQueueName, JobData } from '@sluice/shared/contracts/jobs';
import { SluiceError } from '@sluice/shared/errors';
import { LogRefusedError } from '@sluice/shared/event-log/append';
import type { LogAddress } from '@sluice/shared/event-log/append';
import type { Doorbell } from '@sluice/shared/event-log/doorbell';
import { attemptOf, nextAttempt } from '@sluice/shared/event-log/entry';
import type { LogEntry } from '@sluice/shared/event-log/entry';
import { readLastEntry, readWholeLog } from '@sluice/shared/event-log/log';
import { LogWriter } from '@sluice/shared/event-log/writer';
import type { Logger } from '@sluice/shared/logger';
import type { ModelClient } from '@sluice/shared/model-client';
import type { TakenJob } from '@sluice/shared/queues';
import type { RedisClient } from '@sluice/shared/redis/connection';
import type { Reranker } from '@sluice/shared/retrieval/reranker';
import { DEFAULT_TOP_K, retrieve } from '@sluice/shared/retrieval/retrieve';
import { estimateTokens } from '@sluice/shared/text/estimate-tokens';
import { annotate, inSpan } from '@sluice/shared/tracing/spans';
import type { VectorStore } from '@sluice/shared/vector-store/port';
import { CitationFilter } from './citations.ts';
import { condenseQuestion } from './condense.ts';
import { AnswerMeter, takeovers } from './metrics.ts';
import { buildPrompt, findQuestion } from './prompt.ts';
import type { ContinuationStyle } from './prompt.ts';
import { listenForStop } from './stop-signal.ts';
import { chooseBeginning, SeamTrimmer } from './takeover.ts';
import type { TakeoverMode } from './takeover.ts';
import { estimateUsage } from './usage.ts';

/** What answering needs. */
export interface AnswerDeps {
  /** Role `worker`: reads the log. */
  redis: RedisClient;
  /** Role `appender`: writes it. */
  appender: RedisClient;
  doorbell: Doorbell;
  model: ModelClient;
  store: VectorStore;
  reranker: Reranker | undefined;
  logger: Logger;
  knowledge: {
    /** Whether a question that follows on another is rewritten for the search. */
    condense: boolean;
    /** Most tokens of all sources together. */
    tokenBudget: number;
  };
  takeover: { mode: TakeoverMode; style: ContinuationStyle };
  /** Milliseconds without a viewer after which an answer is cancelled; 0 never. */
  cancelUnwatchedMs: number;
}

/** What of a long question is searched for: embedding models take about 8,000 tokens, and its start says what it is about. */
const MAX_QUERY_CHARS = 4_000;

/** Nobody has heard the answer for too long. */
class UnwatchedError extends Error {}

type ChatJob = JobData<ChatQueueName>;

/**
 * Answers one chat into its log: goes on where an earlier attempt was lost, retrieves, asks the model, streams, ends.
 * Whatever happens, the log ends, unless this attempt itself has lost the job: then whoever has it ends it.
 */
export function answerChat(deps: AnswerDeps, job: TakenJob<ChatQueueName>): Promise<void> {
  return inSpan('answer', {}, () => answer(deps, job));
}

async function answer(deps: AnswerDeps, job: TakenJob<ChatQueueName>): Promise<void> {
  const { data } = job;
  const { logger, takeover } = deps;
  const log = { tenant: data.tenant, jobId: data.id };
  const entries = await readWholeLog(deps.redis, log);
  let soFar = foldChat(data.id, entries);
  const beginning = chooseBeginning(soFar, takeover.mode);
  if (beginning === 'over') return;

  const attempt = nextAttempt(job.attempt, entries.at(-1));
  annotate({ 'sluice.attempt': attempt, 'sluice.beginning': beginning });
  using stop = await listenForStop(deps, log, attempt);

  const writer = new LogWriter({ redis: deps.appender, log, attempt });
  const lost = AbortSignal.any([writer.signal, stop.signal]);
  const signal = AbortSignal.any([job.signal, lost]);
  using meter = new AnswerMeter(data.tenant);
  if (beginning !== 'begin') takeovers.inc({ mode: beginning });
  try {
    if (beginning === 'begin') writer.append({ type: 'started', attempt, model: data.model });
    if (beginning === 'continue') writer.append({ type: 'continued', attempt });
    if (beginning === 'restart') {
      writer.append({ type: 'reset', attempt });
      meter.discard(soFar.content);
    }
    if (beginning === 'fail')
      throw new SluiceError(503, 'worker_lost', 'The worker that was answering was lost. Try again.');

    if (attempt > 1) soFar = await claimed(deps.redis, log, writer, attempt, entries, soFar);
    const sources = soFar.sources ?? (await findSources(deps, data, signal));
    if (sources && !soFar.sources) writer.append({ type: 'sources', sources });
    const partialAnswer = beginning === 'restart' ? '' : soFar.content;
    const { usage, finishReason } = await streamAnswer(
      deps,
      { writer, meter },
      data,
      sources,
      partialAnswer,
      signal,
    );
    writer.append({ type: 'usage', ...usage });
    await writer.close({ type: 'done', finish_reason: finishReason });
    logger.info({ attempt, beginning, ...usage, finish_reason: finishReason }, 'chat answered');
  } catch (error) {
    if (lost.reason instanceof LogRefusedError) {
      const last = await readLastEntry(deps.redis, log);
      if (last && isTerminal(last.record))
        meter.waste(last.record.type === 'failed' ? 'failed' : 'cancelled');
      return logger.info({ attempt, reason: lost.reason.message }, 'lost the job: stopped');
    }
    // Redis took the appends no more, for a reason that does not pass: the queue gives the job up, which ends the log.
    if (lost.aborted) throw new UnrecoverableError(String(lost.reason));
    // Everything written is in the log before another worker goes on from it.
    if (job.signal.aborted) await writer.flushed();
    if (job.signal.aborted) throw error;
    if (error instanceof UnwatchedError) {
      meter.waste('cancelled');
      await writer.close({ type: 'cancelled' });
      return logger.info({ attempt }, 'cancelled: nobody was watching');
    }
    meter.waste('failed');
    await fail(logger, writer, error);
  }
}

/**
 * What the log says at the moment when the attempt has become its owner. The one before may have been cut off from Redis
 * with text in hand, and may have written it between this attempt's reading and its first record: reading alone made
 * that text appear twice.
 */
async function claimed(
  redis: RedisClient,
  log: LogAddress,
  writer: LogWriter,
  attempt: number,
  read: readonly LogEntry[],
  soFar: ChatState,
): Promise<ChatState> {
  await writer.flushed();
  if (writer.follows === read.at(-1)?.id) return soFar;
  const entries = await readWholeLog(redis, log);
  return foldChat(
    log.jobId,
    entries.filter(({ id }) => attemptOf(id) < attempt),
  );
}

/** @returns undefined when the request asked for no knowledge */
async function findSources(
  deps: AnswerDeps,
  data: ChatJob,
  signal: AbortSignal,
): Promise<Source[] | undefined> {
  if (data.knowledge === false) return undefined;
  const options = data.knowledge === true ? {} : data.knowledge;
  const { condense, tokenBudget } = deps.knowledge;
  const question = condense ? await condenseQuestion(deps, data, signal) : findQuestion(data.messages);
  const { top_k: topK = DEFAULT_TOP_K, min_score: minScore, ...filter } = options;
  const query = { text: question.slice(0, MAX_QUERY_CHARS), topK, minScore, tokenBudget, ...filter };
  const { sources, ...found } = await retrieve(deps, data.tenant, query, signal);
  deps.logger.debug({ sources: sources.length, ...found }, 'retrieved');
  return sources.map(({ scores: _scores, ...source }) => source);
}

async function streamAnswer(
  deps: AnswerDeps,
  { writer, meter }: { writer: LogWriter; meter: AnswerMeter },
  data: ChatJob,
  sources: Source[] | undefined,
  partialAnswer: string,
  signal: AbortSignal,
): Promise<{ usage: Usage; finishReason: string }> {
  const messages = buildPrompt(data.messages, sources, partialAnswer, deps.takeover.style);
  const spent = estimateTokens(partialAnswer);
  const request = {
    messages,
    model: data.model,
    temperature: data.temperature,
    max_tokens: Math.max(1, data.max_tokens - spent),
  };
  const trimmer = new SeamTrimmer(partialAnswer);
  // Without sources `[1]` is whatever the model means by it.
  const citations = sources && new CitationFilter(sources.length, partialAnswer);
  let text = '';
  let finishReason = 'stop';
  let usage: Usage | undefined;
  const check = (content: string) => citations?.push(content) ?? content;
  const show = (content: string) => {
    text += content;
    if (content !== '') writer.append({ type: 'delta', content });
  };
  const mayGoOn = async () => {
    await writer.ready();
    const isUnwatched = () => deps.cancelUnwatchedMs > 0 && writer.unheardMs > deps.cancelUnwatchedMs;
    if (!isUnwatched()) return;
    // Somebody may have come since the last append.
    await writer.flushed();
    if (isUnwatched()) throw new UnwatchedError();
  };
  for await (const event of deps.model.streamChat(request, signal)) {
    switch (event.type) {
      case 'model':
        if (event.model !== data.model) deps.logger.info({ model: event.model }, 'answered by a fallback');
        break;
      case 'content':
        meter.add(event.text);
        show(check(trimmer.push(event.text)));
        await mayGoOn();
        break;
      case 'reasoning':
        meter.add(event.text);
        writer.append({ type: 'delta', reasoning: event.text });
        await mayGoOn();
        break;
      case 'finish':
        finishReason = event.reason;
        break;
      case 'usage':
        usage = { prompt_tokens: event.prompt_tokens, completion_tokens: event.completion_tokens };
        break;
    }
  }
  show(check(trimmer.end()) + (citations?.end() ?? ''));
  usage ??= estimateUsage(messages, text);
  if (spent > 0) usage = { ...usage, completion_tokens: usage.completion_tokens + spent, estimated: true };
  if (citations && citations.dropped > 0) usage = { ...usage, dropped_citations: citations.dropped };
  return { usage, finishReason };
}

/** Ends the log with what the client may know, and the job as failed, with the cause, for whoever inspects the queue. */
async function fail(logger: Logger, writer: LogWriter, error: unknown): Promise<never> {
  logger.error({ err: error }, 'chat failed');
  const known = error instanceof SluiceError;
  await writer.close({
    type: 'failed',
    code: known ? error.code : 'internal_error',
    error: known
      ? error.message
      : 'Something went wrong while answering. The request id helps to find out what.',
    ...(known && error.retryAfter !== undefined && { retry_after: Math.ceil(error.retryAfter) }),
  });
  const inQueue = new UnrecoverableError(known ? `${error.code}: ${error.message}` : String(error));
  throw Object.assign(inQueue, { cause: error });
}

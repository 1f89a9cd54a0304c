import { UnrecoverableError } from 'bullmq';
import type { Redis } from 'ioredis';
import { foldChat } from '@sluice/shared/chat-state';
import type { ChatState } from '@sluice/shared/chat-state';
import type { Source } from '@sluice/shared/contracts/events';
import type { JobData } from '@sluice/shared/contracts/jobs';
import { SluiceError } from '@sluice/shared/errors';
import { readWholeLog } from '@sluice/shared/event-log/log';
import { LogWriter } from '@sluice/shared/event-log/writer';
import type { Logger } from '@sluice/shared/logger';
import type { ModelClient } from '@sluice/shared/model-client';
import type { TakenJob } from '@sluice/shared/queues';
import { DEFAULT_TOP_K, retrieve } from '@sluice/shared/retrieve';
import type { VectorStore } from '@sluice/shared/vector-store/port';
import { buildPrompt } from './prompt.ts';
import { estimateTokens, estimateUsage } from './usage.ts';
import type { Usage } from './usage.ts';

/** What answering needs. */
export interface AnswerDeps {
  /** Role `worker`: reads the log. */
  redis: Redis;
  /** Role `appender`: writes it. */
  appender: Redis;
  model: ModelClient;
  store: VectorStore;
  retentionMs: number;
  logger: Logger;
}

/**
 * Answers one chat into its log: takes up where an earlier attempt was lost, retrieves, asks the model, streams, ends.
 * Whatever happens, the log ends, unless this attempt itself has lost the job: then its successor ends it.
 */
export async function answerChat(deps: AnswerDeps, job: TakenJob<'chat'>): Promise<void> {
  const { data, attempt } = job;
  const log = { tenant: data.tenant, jobId: data.id, retentionMs: deps.retentionMs };
  const soFar = foldChat(data.id, await readWholeLog(deps.redis, log));
  if (soFar.status !== 'queued' && soFar.status !== 'running') return;

  const writer = new LogWriter({ redis: deps.appender, log, attempt });
  const signal = AbortSignal.any([job.signal, writer.signal]);
  try {
    announce(writer, attempt, data.model, soFar);
    const sources = soFar.sources ?? (await findSources(deps, data, signal));
    if (sources && !soFar.sources) writer.append({ type: 'sources', sources });
    const { usage, finishReason } = await streamAnswer(
      deps.model,
      writer,
      data,
      sources,
      soFar.content,
      signal,
    );
    writer.append({ type: 'usage', ...usage });
    await writer.close({ type: 'done', finish_reason: finishReason });
    deps.logger.info({ attempt, ...usage, finish_reason: finishReason }, 'chat answered');
  } catch (error) {
    if (writer.signal.aborted)
      return deps.logger.warn({ attempt, reason: String(writer.signal.reason) }, 'lost the job: stopped');
    if (job.signal.aborted) throw error;
    await fail(deps.logger, writer, error);
  }
}

function announce(writer: LogWriter, attempt: number, model: string, soFar: ChatState): void {
  const hasBegun = soFar.status === 'running';
  writer.append(hasBegun ? { type: 'continued', attempt } : { type: 'started', attempt, model });
}

/** @returns undefined when the request asked for no knowledge */
async function findSources(
  deps: AnswerDeps,
  data: JobData<'chat'>,
  signal: AbortSignal,
): Promise<Source[] | undefined> {
  if (data.knowledge === false) return undefined;
  const options = data.knowledge === true ? {} : data.knowledge;
  const question = data.messages.findLast((message) => message.role === 'user')?.content ?? '';
  const query = {
    text: question,
    topK: options.top_k ?? DEFAULT_TOP_K,
    minScore: options.min_score,
    documents: options.documents,
  };
  const found = await retrieve(deps, data.tenant, query, signal);
  deps.logger.debug({ sources: found.length }, 'retrieved');
  return found.map(({ scores: _scores, ...source }) => source);
}

async function streamAnswer(
  model: ModelClient,
  writer: LogWriter,
  data: JobData<'chat'>,
  sources: Source[] | undefined,
  partialAnswer: string,
  signal: AbortSignal,
): Promise<{ usage: Usage; finishReason: string }> {
  const messages = buildPrompt(data.messages, sources, partialAnswer);
  const spent = estimateTokens(partialAnswer);
  const request = {
    messages,
    model: data.model,
    temperature: data.temperature,
    max_tokens: Math.max(1, data.max_tokens - spent),
  };
  let text = '';
  let finishReason = 'stop';
  let usage: Usage | undefined;
  for await (const event of model.streamChat(request, signal)) {
    switch (event.type) {
      case 'content':
        text += event.text;
        writer.append({ type: 'delta', content: event.text });
        await writer.ready();
        break;
      case 'reasoning':
        writer.append({ type: 'delta', reasoning: event.text });
        await writer.ready();
        break;
      case 'finish':
        finishReason = event.reason;
        break;
      case 'usage':
        usage = { prompt_tokens: event.prompt_tokens, completion_tokens: event.completion_tokens };
        break;
    }
  }
  usage ??= estimateUsage(messages, text);
  if (spent > 0) usage = { ...usage, completion_tokens: usage.completion_tokens + spent, estimated: true };
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
  });
  throw new UnrecoverableError(known ? `${error.code}: ${error.message}` : String(error));
}

import type { SluiceApiError, SluiceClient } from '@sluice/client';
import { applyEvent, emptyAnswer, isUnfinished } from './answer.ts';
import type { Answer, AnswerFailure } from './answer.ts';
import { buildRequest } from './conversation.ts';
import type { Conversation, Turn } from './conversation.ts';
import { createSlots } from './slots.ts';

/** What the runner needs of the store. */
export interface Keeper {
  save(conversation: Conversation): void;
  saveNow(conversation: Conversation): Promise<void>;
}

/** Connections are given up, to be opened anew at once. */
const RENEW = new DOMException('The network is back.', 'AbortError');
/** The connection is given up for that of a newer question, and opened again later. */
const PARK = new DOMException('Another answer is watched.', 'AbortError');
/** The answer is given up by this page. */
const LEAVE = new DOMException('Nobody wants the answer any more.', 'AbortError');
/** Over HTTP/1.1 a browser opens six connections to a server; some must be left for everything else. */
const MOST_OPEN = 4;
/** How long a question that the server has not taken yet may go on after "stop". */
const STOP_UNSENT_MS = 1_500;
/** `unknown_cursor` in a row: the server has lost the end of the log, and then again. */
const MOST_RESTARTS = 3;

interface Run {
  conversation: Conversation;
  turn: Turn;
  controller: AbortController;
  isStopping: boolean;
  isLeft: boolean;
}

export type AnswerRunner = ReturnType<typeof createAnswerRunner>;

/** Fetches answers, any number at a time, over reloads, lost networks and restarts of the server. */
export function createAnswerRunner(chat: SluiceClient['chat'], keeper: Keeper) {
  const runs = new Map<string, Run>();
  const slots = createSlots<Run>(MOST_OPEN);

  /**
   * Fetches the answer of a turn, from its beginning or from where it was.
   *
   * @param isUrgent whether somebody looks at it, rather than the page having been opened with it still to be fetched
   */
  async function run(conversation: Conversation, turn: Turn, isUrgent = true): Promise<void> {
    if (runs.has(turn.id)) return;
    const { answer } = turn;
    const controller = new AbortController();
    const run: Run = { conversation, turn, controller, isStopping: false, isLeft: false };
    runs.set(turn.id, run);
    answer.failure = undefined;
    if (answer.status === 'interrupted') answer.status = answer.chatId === undefined ? 'sending' : 'running';
    try {
      // Should the page be reloaded before the server has answered, the same key finds the same chat.
      await keeper.saveNow(conversation);
      let isFirst = isUrgent;
      for (let restarts = 0; ;) {
        if (isFirst) parkOldest();
        await slots.take(run, isFirst);
        const outcome = await follow(run).finally(() => slots.free(run));
        if (outcome === 'ended') break;
        isFirst = isUrgent && outcome !== 'parked';
        if (outcome === 'restart' && ++restarts > MOST_RESTARTS) {
          fail(answer, { code: 'expired', message: 'The server has lost this answer.' });
          break;
        }
      }
    } finally {
      runs.delete(turn.id);
      await keeper.saveNow(conversation);
    }
  }

  async function follow(run: Run): Promise<'ended' | 'renew' | 'restart' | 'parked'> {
    if (run.isLeft) return 'ended';
    const { conversation, turn } = run;
    const { answer } = turn;
    run.controller = new AbortController();
    const { signal } = run.controller;
    try {
      const stream =
        answer.chatId === undefined
          ? chat.stream(buildRequest(conversation, turn), { idempotencyKey: answer.idempotencyKey, signal })
          : chat.resume(answer.chatId, { after: answer.cursor, signal });
      for await (const event of stream) {
        applyEvent(answer, event);
        keeper.save(conversation);
        if (event.type === 'accepted' && run.isStopping) void cancel(run, event.id);
      }
      if (isUnfinished(answer)) await settleByState(answer);
      return 'ended';
    } catch (error) {
      if (error === RENEW) return 'renew';
      if (error === PARK) return 'parked';
      if (error === LEAVE) return 'ended';
      if (isApiError(error) && error.code === 'unknown_cursor') {
        emptyAnswer(answer);
        answer.cursor = undefined;
        return 'restart';
      }
      settle(answer, error);
      return 'ended';
    }
  }

  /** The stream had ended before the cursor: how, the state says. */
  async function settleByState(answer: Answer): Promise<void> {
    const state = await chat.get(answer.chatId ?? '');
    answer.text = state.content;
    answer.usage = state.usage ?? answer.usage;
    answer.sources = state.sources ?? answer.sources;
    if (state.error) {
      const { code, message, retry_after: retryAfter } = state.error;
      fail(answer, { code, message, retryAfter });
    } else answer.status = state.status === 'cancelled' ? 'stopped' : 'done';
  }

  async function cancel(run: Run, chatId: string): Promise<void> {
    try {
      await chat.cancel(chatId);
    } catch {
      // The answer goes on, and so does the button.
      run.isStopping = false;
    }
  }

  /** Stops the answer of a turn, at the server. */
  async function stop(turn: Turn): Promise<void> {
    const { answer } = turn;
    const run = runs.get(turn.id);
    // Another tab fetches it, and will see how it ends.
    if (!run && answer.chatId !== undefined) await chat.cancel(answer.chatId);
    if (!run || run.isStopping) return;
    run.isStopping = true;
    if (answer.chatId !== undefined) return cancel(run, answer.chatId);
    // The id is about to come, and the cancel goes out with it; a server that is away is not waited for.
    await new Promise((resolve) => setTimeout(resolve, STOP_UNSENT_MS));
    if (answer.chatId !== undefined || !runs.has(turn.id)) return;
    answer.status = 'stopped';
    abandon(run);
  }

  function abandon(run: Run): void {
    run.isLeft = true;
    run.controller.abort(LEAVE);
    slots.hurry(run);
  }

  /** Closes the connection that has been open for longest, when no other may be opened. */
  function parkOldest(): void {
    const run = slots.oldest();
    // Only what the server has goes on without anybody.
    if (run?.turn.answer.chatId !== undefined) run.controller.abort(PARK);
  }

  /** Fetches an answer before others that wait: somebody looks at it now. */
  function prefer(turn: Turn): void {
    const run = runs.get(turn.id);
    if (run && slots.hurry(run)) parkOldest();
  }

  /** Gives up every connection and opens it anew: after the network was away, or the device has slept. */
  function renew(): void {
    for (const { controller } of runs.values()) controller.abort(RENEW);
  }

  /** Gives up the answers of a conversation that is deleted, at the server too. */
  function leave({ id }: Pick<Conversation, 'id'>): void {
    for (const run of runs.values()) {
      if (run.conversation.id !== id) continue;
      if (run.turn.answer.chatId !== undefined) void cancel(run, run.turn.answer.chatId);
      abandon(run);
    }
  }

  return { run, stop, renew, leave, prefer, isRunning: (turn: Turn) => runs.has(turn.id) };
}

/** How an error ends an answer, or interrupts it. */
function settle(answer: Answer, error: unknown): void {
  if (isApiError(error)) {
    const { message, requestId, retryAfter } = error;
    // An answer that was there and is not any more has expired.
    const code = error.code === 'not_found' && answer.chatId !== undefined ? 'expired' : error.code;
    return fail(answer, { code, message, requestId, retryAfter });
  }
  const message = error instanceof Error ? error.message : String(error);
  if ((error as Error | undefined)?.name !== 'SluiceConnectionError')
    return fail(answer, { code: 'page', message });
  answer.queue = undefined;
  answer.failure = { code: 'connection', message };
  answer.status = 'interrupted';
}

function fail(answer: Answer, failure: AnswerFailure): void {
  answer.queue = undefined;
  answer.failure = failure;
  answer.status = 'failed';
}

/** By its name: the tests run this file without the bundler, which alone finds the client's sources. */
function isApiError(error: unknown): error is SluiceApiError {
  return (error as Error | undefined)?.name === 'SluiceApiError';
}

import { createChatSource } from './chat-source.ts';
import type { ChatStart } from './chat-source.ts';
import type { Settings } from './connection.ts';
import { createDeferred } from './deferred.ts';
import { SluiceApiError } from './errors.ts';
import type { ChatEvent } from './events.ts';
import { follow } from './follow.ts';
import { unexpectedResponse } from './request.ts';
import type { ChatState } from './types.ts';

/** What a stream needs of the chats that it is one of. */
export interface ChatCalls {
  get(id: string, options: { signal?: AbortSignal | undefined }): Promise<ChatState>;
  cancel(id: string): Promise<unknown>;
}

/**
 * An answer as it comes. It is read once: as an async iterable of events, or whole with {@link ChatStream.text} or
 * {@link ChatStream.final}, which may also be called when the iteration is over.
 *
 * Connections that break are replaced unseen. Leaving early (`break`, or the signal) closes the connection, while the
 * chat goes on at the server; {@link ChatStream.cancel} stops it.
 *
 * Reading throws {@link SluiceApiError} when the chat fails or is not known, {@link SluiceConnectionError} when the server
 * stays away, and the reason of the signal when that aborts.
 */
export class ChatStream implements AsyncIterable<ChatEvent> {
  /** The chat's id, as soon as the server has accepted it; rejected like the reading when it does not. */
  readonly id: Promise<string>;
  readonly #calls: ChatCalls;
  readonly #signal: AbortSignal | undefined;
  readonly #isNew: boolean;
  readonly #controller = new AbortController();
  readonly #left = new DOMException('The stream was left before its end.', 'AbortError');
  readonly #batches: AsyncGenerator<ChatEvent[], void, void>;
  /** Asked for at once: whoever only wants the id gets it without reading. */
  readonly #first: Promise<IteratorResult<ChatEvent[], void>>;
  readonly #ended = createDeferred<void>();
  #isTaken = false;
  #text = '';

  /** @internal Streams come from `chat.stream` and `chat.resume`. */
  constructor(settings: Settings, calls: ChatCalls, start: ChatStart, signal?: AbortSignal) {
    this.#calls = calls;
    this.#signal = signal;
    this.#isNew = 'request' in start;
    const onAbort = () => this.#controller.abort(signal?.reason);
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true, signal: this.#controller.signal });

    const id = createDeferred<string>();
    this.id = id.promise;
    const source = createChatSource(start, id.resolve);
    this.#batches = follow(settings, { ...source, signal: this.#controller.signal });
    this.#first = this.#batches.next();
    this.#first.then(
      () => id.reject(unexpectedResponse('The server did not say the id of the chat.')),
      id.reject,
    );
  }

  /**
   * The events, each once and in order.
   *
   * @throws {TypeError} when the stream is read a second time
   */
  [Symbol.asyncIterator](): AsyncIterator<ChatEvent, void, void> {
    if (this.#isTaken)
      throw new TypeError('A ChatStream is read once. Use chat.resume(id) to watch the chat again.');
    this.#isTaken = true;
    const events = this.#read();
    return {
      next: () => events.next(),
      // A generator's own `return` waits for a `next` that is under way, which may take as long as the model does.
      return: () => {
        this.#leave();
        return events.return();
      },
    };
  }

  /** The text of the answer, of the events that this stream brings: what is left of it after `resume` with `after`. */
  async text(): Promise<string> {
    await this.#finish();
    return this.#text;
  }

  /** The chat when it has ended (`done` or `cancelled`), with its whole text, finish reason, usage and sources. */
  async final(): Promise<ChatState> {
    await this.#finish();
    const state = await this.#calls.get(await this.id, { signal: this.#signal });
    const { error } = state;
    if (error) throw new SluiceApiError({ ...error, retryAfter: error.retry_after });
    return state;
  }

  /** Stops the chat at the server. The stream then ends with the event `cancelled`, if it has not ended before. */
  async cancel(): Promise<void> {
    await this.#calls.cancel(await this.id);
  }

  async #finish(): Promise<void> {
    if (this.#isTaken) return this.#ended.promise;
    for await (const _event of this);
  }

  async *#read(): AsyncGenerator<ChatEvent, void, void> {
    try {
      if (this.#isNew) yield { type: 'accepted', id: await this.id };
      for (let step = await this.#first; !step.done; step = await this.#batches.next()) {
        for (const event of step.value) {
          this.#note(event);
          yield event;
        }
      }
      this.#ended.resolve();
    } catch (error) {
      this.#ended.reject(error);
      if (error !== this.#left) throw error;
    } finally {
      this.#leave();
    }
  }

  #note(event: ChatEvent): void {
    if (event.type === 'content') this.#text += event.content;
    if (event.type === 'reset') this.#text = '';
  }

  #leave(): void {
    this.#ended.reject(this.#left);
    this.#controller.abort(this.#left);
    void this.#batches.return();
  }
}

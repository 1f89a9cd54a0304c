import { chatPath } from './chat-source.ts';
import { ChatStream } from './chat-stream.ts';
import type { Settings } from './connection.ts';
import { SluiceApiError } from './errors.ts';
import { requestData } from './request.ts';
import type { ChatAnswer, ChatRequest, ChatState, ChatStatus, Models } from './types.ts';

/** What most calls take. */
export interface CallOptions {
  /** Aborts the call; it then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** How a question is asked. */
export interface AskOptions extends CallOptions {
  /**
   * Makes asking twice the same as asking once, for as long as the server keeps it (24 h); 1 to 255 visible ASCII
   * characters. A random one unless given, so that a request whose answer was lost may be repeated. Give your own to
   * cover a restart of your program too.
   */
  idempotencyKey?: string | undefined;
}

/** How a chat is watched again. */
export interface ResumeOptions extends CallOptions {
  /** The `cursor` of the last event that you have; from the beginning without it. */
  after?: string | undefined;
}

/** Chats. */
export interface ChatApi {
  /** Asks, at once, and gives the answer as it comes. */
  stream(request: ChatRequest, options?: AskOptions): ChatStream;
  /**
   * Asks, and gives the answer when it is complete. It travels as a stream nevertheless: an answer that takes minutes
   * survives the time-outs of proxies and the restart of a gateway.
   *
   * @throws {SluiceApiError} when the chat fails; `cancelled` when somebody cancelled it
   * @throws {SluiceConnectionError}
   */
  create(request: ChatRequest, options?: AskOptions): Promise<ChatAnswer>;
  /** Watches a chat that was begun before, by this page or another: the events after a cursor, and those to come. */
  resume(id: string, options?: ResumeOptions): ChatStream;
  /**
   * The state of a chat and its text so far.
   *
   * @throws {SluiceApiError} 404 `not_found` when it is not known, or no longer kept
   */
  get(id: string, options?: CallOptions): Promise<ChatState>;
  /**
   * Stops a chat, waiting or running. One that has ended stays as it is.
   *
   * @throws {SluiceApiError} 404 `not_found`
   */
  cancel(id: string, options?: CallOptions): Promise<{ id: string; status: ChatStatus }>;
  /** The models that a question may name. */
  models(options?: CallOptions): Promise<Models>;
}

/** Builds the chats' part of a client. */
export function createChatApi(settings: Settings): ChatApi {
  const get = (id: string, { signal }: CallOptions = {}) =>
    requestData<ChatState>(settings, { path: chatPath(id), signal });
  const cancel = (id: string, { signal }: CallOptions = {}) =>
    requestData<{ id: string; status: ChatStatus }>(settings, {
      method: 'POST',
      path: `${chatPath(id)}/cancel`,
      signal,
    });
  const stream = (request: ChatRequest, options: AskOptions = {}) => {
    const idempotencyKey = options.idempotencyKey ?? randomKey();
    return new ChatStream(settings, { get, cancel }, { request, idempotencyKey }, options.signal);
  };
  return {
    get,
    cancel,
    stream,
    models: ({ signal } = {}) => requestData<Models>(settings, { path: '/api/models', signal }),
    resume: (id, { after, signal } = {}) => new ChatStream(settings, { get, cancel }, { id, after }, signal),
    async create(request, options) {
      const {
        id,
        status,
        content,
        finish_reason = 'stop',
        usage,
        sources,
      } = await stream(request, options).final();
      if (status === 'cancelled')
        throw new SluiceApiError({ code: 'cancelled', message: 'The answer was cancelled.' });
      return { id, content, finish_reason, ...(usage && { usage }), ...(sources && { sources }) };
    },
  };
}

/** 128 random bits; `crypto.randomUUID` is not there on pages that came over plain HTTP. */
export function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

import type { RetryOptions } from './backoff.ts';
import { createBatchesApi } from './batches.ts';
import type { BatchesApi } from './batches.ts';
import { createChatApi } from './chat.ts';
import type { ChatApi } from './chat.ts';
import { createCollectionsApi } from './collections.ts';
import type { CollectionsApi } from './collections.ts';
import type { Settings } from './connection.ts';
import { createKnowledgeApi } from './knowledge.ts';
import type { KnowledgeApi } from './knowledge.ts';
import { createOpsApi } from './ops.ts';
import type { OpsApi } from './ops.ts';

export type { BatchesApi, CreateBatchOptions } from './batches.ts';
export type { RetryOptions } from './backoff.ts';
export type * from './batch-types.ts';
export type { AskOptions, CallOptions, ChatApi, ResumeOptions } from './chat.ts';
export type { ChatStream } from './chat-stream.ts';
export type { CollectionsApi } from './collections.ts';
export { SluiceApiError, SluiceConnectionError } from './errors.ts';
export type * from './events.ts';
export type { DocumentPageOptions, KnowledgeApi, PageOptions, TextOptions } from './knowledge.ts';
export type { OpsApi } from './ops.ts';
export type * from './ops-types.ts';
export type * from './types.ts';
export type { FileInput, UploadOptions, UploadProgress } from './upload.ts';

/** How a client reaches its server. */
export interface ClientOptions {
  /** Such as `https://sluice.example.com`. In a browser `''`, or a path, means the server that the page came from. */
  baseUrl: string;
  /** Sent as the bearer key. */
  apiKey?: string | undefined;
  /** Used instead of the global `fetch`. */
  fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
  /**
   * Milliseconds of silence after which a connection counts as broken; 45,000 unless given. The server sends a heartbeat
   * every 15 s.
   */
  idleTimeoutMs?: number | undefined;
  /** When to try again. Tried again are: connections that fail or break, 502, 503, 504, and 429 with `Retry-After`. */
  retry?: RetryOptions | undefined;
}

/** A client of one server. It holds no connection while nothing is under way. */
export interface SluiceClient {
  /** Ask, watch, cancel. */
  readonly chat: ChatApi;
  /** The documents that answers are drawn from. */
  readonly knowledge: KnowledgeApi;
  /** Named groups of documents. */
  readonly collections: CollectionsApi;
  /** Many documents at a time. */
  readonly batches: BatchesApi;
  /** How the server fares. */
  readonly ops: OpsApi;
}

/** Creates a client. */
export function createClient(options: ClientOptions): SluiceClient {
  const settings: Settings = {
    baseUrl: options.baseUrl.replace(/\/+$/, ''),
    headers: options.apiKey === undefined ? {} : { authorization: `Bearer ${options.apiKey}` },
    // Called as a method of anything but `window`, a browser's fetch throws "Illegal invocation".
    fetch: options.fetch ?? ((url, init) => fetch(url, init)),
    idleTimeoutMs: options.idleTimeoutMs ?? 45_000,
    retry: { minDelayMs: 250, maxDelayMs: 8_000, maxAttempts: 5, deadlineMs: 120_000, ...options.retry },
  };
  return {
    chat: createChatApi(settings),
    knowledge: createKnowledgeApi(settings),
    collections: createCollectionsApi(settings),
    batches: createBatchesApi(settings),
    ops: createOpsApi(settings),
  };
}

import type { CallOptions } from './chat.ts';
import type { Settings } from './connection.ts';
import { follow } from './follow.ts';
import { parseData } from './frames.ts';
import type { Frame } from './frames.ts';
import type { OpsEvent, OpsSession, OpsSnapshot } from './ops-types.ts';
import { eventsRequest, requestData } from './request.ts';
import type { DocumentStatus } from './types.ts';

/** Operations. All of it needs a key with the scope `ops`; what changes something needs `admin`. */
export interface OpsApi {
  /** What the key may do; lets a browser into `/ops/queues` for eight hours. */
  session(options?: CallOptions): Promise<OpsSession>;
  /** Takes that back. */
  closeSession(options?: CallOptions): Promise<void>;
  snapshot(options?: CallOptions): Promise<OpsSnapshot>;
  /** A snapshot every two seconds, over as many connections as it takes, until the signal aborts, which it throws. */
  watch(options?: CallOptions): AsyncGenerator<OpsEvent, void, void>;
  /** Ingests a failed document again, as its next version. */
  retryDocument(
    id: string,
    options?: CallOptions,
  ): Promise<{ id: string; version: number; status: DocumentStatus }>;
  deleteDocument(id: string, options?: CallOptions): Promise<void>;
}

const OPS = '/api/ops';
/** Of a stream that says something every two seconds. */
const SILENCE_MS = 10_000;

/** Builds the operations' part of a client. */
export function createOpsApi(settings: Settings): OpsApi {
  const documentPath = (id: string) => `${OPS}/documents/${encodeURIComponent(id)}`;
  const watched: Settings = {
    ...settings,
    idleTimeoutMs: Math.min(settings.idleTimeoutMs, SILENCE_MS),
    retry: { ...settings.retry, deadlineMs: Infinity },
  };
  return {
    session: ({ signal } = {}) =>
      requestData<OpsSession>(settings, { method: 'POST', path: `${OPS}/session`, signal }),
    async closeSession({ signal } = {}) {
      await requestData(settings, { method: 'DELETE', path: `${OPS}/session`, signal });
    },
    snapshot: ({ signal } = {}) => requestData<OpsSnapshot>(settings, { path: `${OPS}/snapshot`, signal }),
    async *watch({ signal } = {}) {
      const request = () => eventsRequest(`${OPS}/events`, undefined);
      for await (const events of follow(watched, { request, decode, signal })) yield* events;
    },
    retryDocument: (id, { signal } = {}) =>
      requestData(settings, { method: 'POST', path: `${documentPath(id)}/retry`, signal }),
    async deleteDocument(id, { signal } = {}) {
      await requestData(settings, { method: 'DELETE', path: documentPath(id), signal });
    },
  };
}

function decode(frame: Frame): OpsEvent | undefined {
  if (frame.event !== 'snapshot' && frame.event !== 'unavailable') return undefined;
  const { content: _content, ...data } = parseData(frame);
  if (frame.event === 'snapshot') return { type: 'snapshot', snapshot: data as unknown as OpsSnapshot };
  return { type: 'unavailable', code: String(data['code']), message: String(data['error']) };
}

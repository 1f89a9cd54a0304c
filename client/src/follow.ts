import { Backoff } from './backoff.ts';
import { connect } from './connection.ts';
import type { Connection, HttpRequest, Settings } from './connection.ts';
import { SluiceApiError, SluiceConnectionError, isTransient } from './errors.ts';
import { isBehind, parseData, readFrames } from './frames.ts';
import type { Frame } from './frames.ts';
import { unexpectedResponse } from './request.ts';

/** What makes a stream the one it is. */
export interface StreamSource<E> {
  /** The request for what comes after `cursor`; asked for again for every connection. */
  request: (cursor: string | undefined) => HttpRequest;
  /** Takes note of a response before its events come. */
  onResponse?: (response: Response) => void;
  /** The event of a frame; undefined for one that is of no interest. */
  decode: (frame: Frame) => E | undefined;
  /** Where to begin; at the beginning unless given. */
  after?: string | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Follows a stream to its end over as many connections as it takes: one that breaks, ends early or falls silent is
 * replaced by one that goes on after the last event. The batches together are the stream: in order, each event once.
 *
 * @returns batches, never empty: the events that came together
 * @throws {SluiceApiError} when the stream ends in an `error` event, or the server refuses it
 * @throws {SluiceConnectionError} when the server stays away
 */
export async function* follow<E extends { type: string }>(
  settings: Settings,
  source: StreamSource<E>,
): AsyncGenerator<E[], void, void> {
  const backoff = new Backoff(settings.retry);
  const listener = {
    onBytes: () => backoff.heard(),
    onRetry: (delayMs: number) => backoff.askedFor(delayMs),
  };
  let cursor = source.after;
  for (;;) {
    let connection: Connection | undefined;
    let failure: unknown;
    try {
      connection = await connect(settings, { ...source.request(cursor), signal: source.signal });
      const { response } = connection;
      source.onResponse?.(response);
      if (response.status === 204) return;
      checkContentType(response);
      for await (const frames of readFrames(connection, listener)) {
        const batch = takeNew(frames, cursor, source.decode);
        cursor = batch.cursor;
        if (batch.events.length > 0) {
          backoff.advanced();
          yield batch.events;
        }
        if (batch.failure) throw toFailure(batch.failure, response);
        if (batch.isEnd) return;
      }
      failure = new SluiceConnectionError('The connection ended before the stream did.');
    } catch (error) {
      if (!isTransient(error)) throw error;
      failure = error;
    } finally {
      connection?.close();
    }
    await backoff.wait(failure, source.signal);
  }
}

interface Batch<E> {
  events: E[];
  cursor: string | undefined;
  isEnd: boolean;
  failure?: Frame;
}

function takeNew<E extends { type: string }>(
  frames: readonly Frame[],
  after: string | undefined,
  decode: (frame: Frame) => E | undefined,
): Batch<E> {
  const batch: Batch<E> = { events: [], cursor: after, isEnd: false };
  for (const frame of frames) {
    if (isBehind(frame.id, batch.cursor)) continue;
    if (frame.event === 'error') return { ...batch, failure: frame };
    const event = decode(frame);
    batch.cursor = frame.id ?? batch.cursor;
    if (!event) continue;
    batch.events.push(event);
    if (event.type === 'done' || event.type === 'cancelled') return { ...batch, isEnd: true };
  }
  return batch;
}

function toFailure(frame: Frame, response: Response): SluiceApiError {
  const failed = parseData(frame) as { error: string; code: string; retry_after?: number };
  return new SluiceApiError({
    code: failed.code,
    message: failed.error,
    retryAfter: failed.retry_after,
    requestId: response.headers.get('x-request-id') ?? undefined,
  });
}

function checkContentType(response: Response): void {
  const type = response.headers.get('content-type') ?? 'nothing';
  if (!type.startsWith('text/event-stream'))
    throw unexpectedResponse(`A stream was expected, but ${type} came; is the base URL right?`);
}

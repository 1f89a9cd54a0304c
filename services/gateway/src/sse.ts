import { once } from 'node:events';
import type { Response } from 'express';
import { RequestError } from '@sluice/shared/errors';
import { slowReadersCut, streamsOpen } from './metrics.ts';
import type { StreamKind } from './metrics.ts';

const HEARTBEAT_MS = 15_000;
const RETRY_MS = 2_000;
/** How long a connection may take to accept what is buffered for it. */
const SLOW_READER_MS = 30_000;

/** What helmet tells of documents; an event stream is never one, and each open stream keeps its headers in memory. */
const DOCUMENT_HEADERS = [
  'Content-Security-Policy',
  'Cross-Origin-Opener-Policy',
  'Origin-Agent-Cluster',
  'Referrer-Policy',
  'X-DNS-Prefetch-Control',
  'X-Download-Options',
  'X-Frame-Options',
  'X-Permitted-Cross-Domain-Policies',
  'X-XSS-Protection',
];

/** One SSE frame. `data` must be free of line breaks, which JSON is. */
export function frame(data: string, options: { event?: string; id?: string } = {}): string {
  const id = options.id === undefined ? '' : `id: ${options.id}\n`;
  const event = options.event === undefined ? '' : `event: ${options.event}\n`;
  return `${id}${event}data: ${data}\n\n`;
}

/**
 * When to come back after a loss: about `ms`, at random, since the clients of one gateway lose it at the same moment.
 */
export function retryHint(ms: number): string {
  return `retry: ${Math.round(ms * (0.5 + Math.random()))}\n\n`;
}

/** A signal that aborts when the client goes, or has gone already. */
export function clientGone(response: Response): AbortSignal {
  const controller = new AbortController();
  if (response.closed || response.destroyed) controller.abort();
  response.once('close', () => controller.abort());
  return controller.signal;
}

/**
 * Sends text as Server-Sent Events until it ends or the client goes. Each item leaves in one write, and the next is
 * asked for only when the connection has room: what is behind it must bear being asked late. A client that takes
 * nothing for too long is cut off; it resumes where it was.
 *
 * @param items frames, joined as they came
 */
export async function sendEvents(
  response: Response,
  stream: StreamKind,
  items: AsyncIterable<string>,
): Promise<void> {
  for (const header of DOCUMENT_HEADERS) response.removeHeader(header);
  response.status(200).set({
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-cache, no-transform',
    // nginx and others hold a stream back without it.
    'X-Accel-Buffering': 'no',
  });
  // Sent with the first text, they would stay in memory as the pieces that they were joined from: 2.6 KB a stream.
  response.flushHeaders();
  response.write(retryHint(RETRY_MS));
  const stopHeartbeat = startHeartbeat(response);
  streamsOpen.inc({ stream });
  try {
    for await (const text of items) {
      if (response.closed) return;
      if (response.write(text) || (await hasRoom(response))) continue;
      slowReadersCut.inc();
      return void response.destroy();
    }
    response.end();
  } catch (error) {
    // A log that is gone ends the stream for good; anything else breaks the connection, and the client resumes.
    if (!(error instanceof RequestError)) throw error;
    response.end(
      frame(JSON.stringify({ error: error.message, code: error.code, content: '' }), { event: 'error' }),
    );
  } finally {
    streamsOpen.dec({ stream });
    stopHeartbeat();
  }
}

/** Waits for the connection to take what is buffered; false when it does not in time. */
async function hasRoom(response: Response): Promise<boolean> {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), SLOW_READER_MS);
  const { signal } = patience;
  try {
    await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]);
    return true;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
    // Takes away the listener that has not fired.
    patience.abort();
  }
}

/**
 * A comment now and then keeps proxies from closing a quiet stream; the first comes at a random time, so that
 * thousands of streams do not beat together.
 */
function startHeartbeat(response: Response): () => void {
  let timer: NodeJS.Timeout;
  const beat = () => {
    if (!response.writableNeedDrain) response.write(': keep-alive\n\n');
    timer = setTimeout(beat, HEARTBEAT_MS);
  };
  timer = setTimeout(beat, HEARTBEAT_MS * (0.5 + Math.random() / 2));
  return () => clearTimeout(timer);
}

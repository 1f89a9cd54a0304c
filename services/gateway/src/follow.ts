import type { Request, Response } from 'express';
import { isTerminal } from '@sluice/shared/contracts/events';
import { RequestError } from '@sluice/shared/errors';
import { compareLogIds, isLogId } from '@sluice/shared/event-log/entry';
import type { LogEntry } from '@sluice/shared/event-log/entry';
import { hasEntry, readLastEntry, readLogTrace } from '@sluice/shared/event-log/log';
import { followLog, logNotFound, unknownCursor } from '@sluice/shared/event-log/reader';
import { isActiveTrace, isTracing } from '@sluice/shared/tracing/spans';
import type { GatewayDeps } from './context.ts';
import { traceDelivery } from './delivery-span.ts';
import { tenantOf } from './middleware/request-context.ts';
import { endWhenLost } from './lost-jobs.ts';
import { countDelivered, streamResumes } from './metrics.ts';
import { clientGone, retryHint, sendEvents } from './sse.ts';

/** Most text of one write: what a client that stops reading leaves in memory. */
const MAX_WRITE_CHARS = 16 * 1024;

/** Clients of a gateway that drains need not wait until it is replaced. */
export const DRAIN_RETRY_MS = 200;

/** A log and where to begin in it. */
export interface LogPosition {
  tenant: string;
  jobId: string;
  after?: string | undefined;
  /** Whether somebody may have had something of it before. */
  resumed?: boolean;
}

/**
 * Follows a log as text: each batch of entries rendered and joined, so that it leaves in one write. At a drain it ends
 * with a hint to come back soon, at another gateway.
 */
export async function* renderLog(
  deps: GatewayDeps,
  { tenant, jobId, after, resumed = false }: LogPosition,
  signal: AbortSignal,
  render: (entry: LogEntry) => string,
  preamble = '',
): AsyncGenerator<string, void, void> {
  if (preamble !== '') yield preamble;
  const jobTrace = await otherTrace(deps, { tenant, jobId });
  using delivery = traceDelivery({ tenant, jobId, format: 'sse', resumed, jobTrace });
  const entries = followLog(
    { redis: deps.reads, doorbell: deps.doorbell },
    { tenant, jobId },
    { signal, onSilence: endWhenLost(deps, { tenant, jobId }), ...(after !== undefined && { after }) },
  );
  for await (const batch of entries) {
    delivery.took(batch);
    let text = '';
    for (const entry of batch) {
      text += render(entry);
      if (text.length < MAX_WRITE_CHARS) continue;
      yield text;
      delivery.wrote(text);
      text = '';
    }
    if (text !== '') yield text;
    delivery.wrote(text);
  }
  if (deps.drain.begun.aborted) yield retryHint(DRAIN_RETRY_MS);
}

/** The trace of a job that this request has not begun: undefined when it has, and when nothing is traced. */
export async function otherTrace(
  { reads }: Pick<GatewayDeps, 'reads'>,
  log: Pick<LogPosition, 'tenant' | 'jobId'>,
): Promise<string | undefined> {
  if (!isTracing()) return undefined;
  const traceparent = await readLogTrace(reads, log);
  return traceparent === undefined || isActiveTrace(traceparent) ? undefined : traceparent;
}

/**
 * Ends a stream: when its client goes, or when this gateway drains. Then the response ends without a terminal event,
 * and the client goes on at another gateway.
 */
export function streamSignal(deps: Pick<GatewayDeps, 'drain'>, response: Response): AbortSignal {
  return AbortSignal.any([clientGone(response), deps.drain.begun]);
}

/**
 * Streams a log that may have begun long ago, from where the client wants to go on. Answers 204, which ends an
 * EventSource's reconnecting, when the client has had the end.
 *
 * @throws {RequestError} 400 for a malformed cursor, 404 for an unknown log, 410 for a cursor beyond its end
 */
export async function resumeLog(
  deps: GatewayDeps,
  request: Request,
  response: Response,
  jobId: string,
  stream: 'chat' | 'document',
  render: (entry: LogEntry) => string,
): Promise<void> {
  const position = { tenant: tenantOf(response), jobId, after: cursorOf(request), resumed: true };
  const last = await readLastEntry(deps.commands, position);
  if (!last) throw logNotFound(position.jobId);
  if (position.after !== undefined) {
    const ahead = compareLogIds(position.after, last.id);
    if (ahead > 0) throw unknownCursor(position.jobId, position.after);
    if (ahead === 0 && isTerminal(last.record)) return void response.status(204).end();
    if (ahead < 0 && !(await hasEntry(deps.commands, position, position.after)))
      throw unknownCursor(position.jobId, position.after);
  }
  if (position.after !== undefined) streamResumes.inc({ stream });
  const counted = stream === 'chat' ? countDelivered(position.tenant, render) : render;
  await sendEvents(response, stream, renderLog(deps, position, streamSignal(deps, response), counted));
}

/** What an EventSource sends by itself, or `?after=`. */
function cursorOf(request: Request): string | undefined {
  const given = request.get('last-event-id') ?? request.query['after'];
  if (given === undefined || given === '') return undefined;
  if (typeof given === 'string' && isLogId(given)) return given;
  throw new RequestError(400, 'invalid_cursor', 'The position must be the id of an event, such as 1-42.');
}

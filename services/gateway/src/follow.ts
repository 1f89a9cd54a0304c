import type { Request, Response } from 'express';
import { isTerminal } from '@sluice/shared/contracts/events';
import { RequestError } from '@sluice/shared/errors';
import { compareLogIds, isLogId } from '@sluice/shared/event-log/entry';
import type { LogEntry } from '@sluice/shared/event-log/entry';
import { readLastEntry } from '@sluice/shared/event-log/log';
import { followLog, logNotFound, unknownCursor } from '@sluice/shared/event-log/reader';
import type { GatewayDeps } from './context.ts';
import { tenantOf } from './middleware/request-context.ts';
import { clientGone, sendEvents } from './sse.ts';

/** A log and where to begin in it. */
export interface LogPosition {
  tenant: string;
  jobId: string;
  after?: string | undefined;
}

/** Follows a log as text: each batch of entries rendered and joined, so that it leaves in one write. */
export async function* renderLog(
  deps: Pick<GatewayDeps, 'reads' | 'doorbell'>,
  { tenant, jobId, after }: LogPosition,
  signal: AbortSignal,
  render: (entry: LogEntry) => string,
  preamble = '',
): AsyncGenerator<string, void, void> {
  if (preamble !== '') yield preamble;
  const entries = followLog(
    { redis: deps.reads, doorbell: deps.doorbell },
    { tenant, jobId },
    { signal, ...(after !== undefined && { after }) },
  );
  for await (const batch of entries) yield batch.map(render).join('');
}

/**
 * Streams a log that may have begun long ago, from where the client wants to go on. Answers 204, which ends an
 * EventSource's reconnecting, when the client has had the end.
 *
 * @throws {RequestError} 400 for a malformed cursor, 404 for an unknown log, 410 for a cursor beyond its end
 */
export async function resumeLog(
  deps: GatewayDeps,
  request: Request<{ id: string }>,
  response: Response,
  render: (entry: LogEntry) => string,
): Promise<void> {
  const position = { tenant: tenantOf(response), jobId: request.params.id, after: cursorOf(request) };
  const last = await readLastEntry(deps.commands, position);
  if (!last) throw logNotFound(position.jobId);
  if (position.after !== undefined) {
    const ahead = compareLogIds(position.after, last.id);
    if (ahead > 0) throw unknownCursor(position.jobId, position.after);
    if (ahead === 0 && isTerminal(last.record)) return void response.status(204).end();
  }
  await sendEvents(response, renderLog(deps, position, clientGone(response), render));
}

/** What an EventSource sends by itself, or `?after=`. */
function cursorOf(request: Request<{ id: string }>): string | undefined {
  const given = request.get('last-event-id') ?? request.query['after'];
  if (given === undefined || given === '') return undefined;
  if (typeof given === 'string' && isLogId(given)) return given;
  throw new RequestError(400, 'invalid_cursor', 'The position must be the id of an event, such as 1-42.');
}

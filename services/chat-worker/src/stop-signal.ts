import { isTerminal } from '@sluice/shared/contracts/events';
import { LogRefusedError } from '@sluice/shared/event-log/append';
import type { LogAddress } from '@sluice/shared/event-log/append';
import type { Doorbell } from '@sluice/shared/event-log/doorbell';
import { attemptOf } from '@sluice/shared/event-log/entry';
import { readLastEntry } from '@sluice/shared/event-log/log';
import type { RedisClient } from '@sluice/shared/redis/connection';
import { stopChannel } from '@sluice/shared/redis/keys';

/** Tells a running attempt that the job is no longer its own; dispose it when the attempt ends. */
export interface StopSignal extends Disposable {
  /** Aborted with a `LogRefusedError`. */
  signal: AbortSignal;
}

/**
 * Listens for the end of an attempt's ownership: the chat was cancelled, or a later attempt has begun. The log itself
 * is read when a message may have been missed, so that a cancellation is never lost, only late by a reconnect.
 */
export async function listenForStop(
  deps: { redis: RedisClient; doorbell: Doorbell },
  log: LogAddress,
  attempt: number,
): Promise<StopSignal> {
  const lost = new AbortController();
  const stop = () => lost.abort(new LogRefusedError('FENCED', log.jobId));
  const check = async () => {
    const last = await readLastEntry(deps.redis, log);
    if (!last || isTerminal(last.record) || attemptOf(last.id) > attempt) stop();
  };
  const stopListening = await deps.doorbell.listen(stopChannel(log.tenant, log.jobId), {
    ring: (message) => Number(message) > attempt && stop(),
    missed: () => void check().catch(() => {}),
  });
  return { signal: lost.signal, [Symbol.dispose]: stopListening };
}

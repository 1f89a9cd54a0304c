import { recentErrorSchema } from '../contracts/ops.ts';
import type { RecentError } from '../contracts/ops.ts';
import { currentWork } from '../logger.ts';
import type { RedisClient } from '../redis/connection.ts';
import { recentErrorsKey } from '../redis/keys.ts';

/** How many are kept, about. */
const KEPT = 1_000;
/** A storm must not become one of writes too: of a process, this many are kept in a second, and the rest counted. */
const MOST_PER_SECOND = 10;

let second = 0;
let noted = 0;
let omitted = 0;

/**
 * Notes a failure where the operations page shows it: the one place for it. Never throws and is not waited for; while
 * Redis is away nothing is kept. Request, tenant and job are those of the work under way unless given.
 *
 * @param error its message is shown as it is: one that a client may see
 */
export function noteError(
  redis: RedisClient,
  error: Pick<RecentError, 'source' | 'code' | 'message'> & Partial<RecentError>,
): void {
  const now = Math.floor(Date.now() / 1_000);
  if (now !== second) [second, noted] = [now, 0];
  noted += 1;
  if (noted > MOST_PER_SECOND) {
    omitted += 1;
    return;
  }
  const entry = { ...currentWork(), ...(omitted > 0 && { omitted }), ...error };
  omitted = 0;
  redis.xadd(recentErrorsKey, 'MAXLEN', '~', KEPT, '*', 'error', JSON.stringify(entry)).catch(() => {});
}

/** The latest failures, newest first. */
export async function readRecentErrors(redis: RedisClient, limit: number): Promise<RecentError[]> {
  const entries = await redis.xrevrange(recentErrorsKey, '+', '-', 'COUNT', limit);
  return entries.flatMap(([id, fields]) => {
    const at = new Date(Number(id.split('-', 1)[0])).toISOString();
    const parsed = recentErrorSchema.safeParse({ ...JSON.parse(fields[1] ?? '{}'), id, at });
    return parsed.success ? [parsed.data] : [];
  });
}

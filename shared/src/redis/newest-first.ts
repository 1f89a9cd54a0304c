import { RequestError } from '../errors.ts';
import type { RedisClient } from './connection.ts';

/** What a page begins after, and how long it may be. */
export interface PageOptions {
  limit: number;
  /** The one that the page before gave. */
  cursor?: string | undefined;
}

/** A page of ids. */
export interface Page {
  ids: string[];
  /** Ids in all. */
  total: number;
  /** Absent on the last page. */
  next_cursor?: string;
}

/** Time in milliseconds, id. */
const CURSOR = /^(\d{1,15})-([\w-]{1,64})$/;

/**
 * Reads a page of a sorted set of ids by time, newest first. Its cursor is the time and the id of its last entry, whether
 * or not that is still there: an offset skipped an entry for each one that was deleted while somebody paged.
 *
 * @throws {RequestError} 400 `invalid_cursor`
 */
export async function readNewestFirst(
  redis: RedisClient,
  key: string,
  { limit, cursor }: PageOptions,
): Promise<Page> {
  const [, time = '+inf', id = ''] = (cursor === undefined ? undefined : CURSOR.exec(cursor)) ?? [];
  if (cursor !== undefined && id === '')
    throw new RequestError(400, 'invalid_cursor', 'That cursor did not come from a page of this list.');
  const [total, sameTime, older] = await Promise.all([
    redis.zcard(key),
    redis.zrevrangebyscore(key, time, time),
    redis.zrevrangebyscore(key, `(${time}`, '-inf', 'WITHSCORES', 'LIMIT', 0, limit + 1),
  ]);
  const entries = sameTime.filter((other) => other < id).map((other) => ({ time, id: other }));
  for (let i = 0; i + 1 < older.length; i += 2)
    entries.push({ id: older[i] ?? '', time: older[i + 1] ?? '' });
  const page = entries.slice(0, limit);
  const last = page.at(-1);
  return {
    ids: page.map((entry) => entry.id),
    total,
    ...(last && entries.length > limit && { next_cursor: `${last.time}-${last.id}` }),
  };
}

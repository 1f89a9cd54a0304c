import type { Document } from '../contracts/knowledge.ts';
import type { DocumentRegistry } from '../documents.ts';
import type { RedisClient } from '../redis/connection.ts';
import { documentCountsKey, failedDocumentsKey } from '../redis/keys.ts';

const PREFIX = 'failed:';

/** The documents of a tenant that could not be ingested. */
export interface Failures {
  /** How many there are of each code, most first. */
  codes: { code: string; documents: number }[];
  /** Those that failed last, newest first. */
  latest: { document: Document; failedAt: Date }[];
}

/** Reads what `recount.lua` keeps. */
export async function readFailures(
  redis: RedisClient,
  documents: Pick<DocumentRegistry, 'find'>,
  tenant: string,
  limit: number,
): Promise<Failures> {
  const [counts, flat] = await Promise.all([
    redis.hgetall(documentCountsKey(tenant)),
    redis.zrevrange(failedDocumentsKey(tenant), 0, limit - 1, 'WITHSCORES'),
  ]);
  const codes = Object.entries(counts)
    .filter(([field]) => field.startsWith(PREFIX))
    .map(([field, count]) => ({ code: field.slice(PREFIX.length), documents: Number(count) }))
    .toSorted((a, b) => b.documents - a.documents);
  const ids = flat.filter((_, index) => index % 2 === 0);
  const found = await Promise.all(ids.map((id) => documents.find(tenant, id)));
  const latest = found.flatMap((document, index) =>
    // It may have been tried again between the two reads.
    document?.status === 'failed' ? [{ document, failedAt: new Date(Number(flat[2 * index + 1])) }] : [],
  );
  return { codes, latest };
}

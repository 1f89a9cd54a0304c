import type { RedisClient } from '../redis/connection.ts';
import { usageKey } from '../redis/keys.ts';
import { CHUNKS, ENDED, GENERATED } from './vitals.ts';
import type { Sample, Totals } from './vitals.ts';

/** A day is kept until the next one has surely begun everywhere. */
const KEEP_DAY_S = 3 * 86_400;

/** What is counted of each tenant. */
export const USAGE_FIELDS = [
  'chats',
  'chats_failed',
  'tokens',
  'documents',
  'documents_failed',
  'chunks',
] as const;
export type Usage = Record<(typeof USAGE_FIELDS)[number], number>;

/**
 * Adds what this process counts to its tenants' usage, which outlives it. A process that is killed takes the last two seconds
 * with it, and an answer of Redis that is lost may have them counted twice: good for looking at, not for bills.
 */
export function createUsageCounter(redis: RedisClient): { add(totals: Totals): Promise<void> } {
  const added = new Map<string, Usage>();
  return {
    async add(totals) {
      const day = new Date().toISOString().slice(0, 10);
      for (const [tenant, usage] of usageOf(totals)) {
        const before = added.get(tenant) ?? emptyUsage();
        const changes = USAGE_FIELDS.map(
          (field) => [field, Math.floor(usage[field] - before[field])] as const,
        );
        const changed = changes.filter(([, by]) => by > 0);
        if (changed.length === 0) continue;
        const transaction = redis.multi();
        for (const key of [usageKey(tenant), usageKey(tenant, day)])
          for (const [field, by] of changed) transaction.hincrby(key, field, by);
        await transaction.expire(usageKey(tenant, day), KEEP_DAY_S).exec();
        for (const [field, by] of changed) before[field] += by;
        added.set(tenant, before);
      }
    },
  };
}

/** What a tenant has used, today by UTC and since ever. */
export async function readUsage(redis: RedisClient, tenant: string): Promise<{ today: Usage; total: Usage }> {
  const day = new Date().toISOString().slice(0, 10);
  const [today, total] = await Promise.all([
    redis.hgetall(usageKey(tenant, day)),
    redis.hgetall(usageKey(tenant)),
  ]);
  return { today: toUsage(today), total: toUsage(total) };
}

/** Nothing used. */
export function emptyUsage(): Usage {
  return toUsage({});
}

function toUsage(fields: Record<string, string>): Usage {
  return Object.fromEntries(USAGE_FIELDS.map((field) => [field, Number(fields[field] ?? 0)])) as Usage;
}

/** What each tenant has used, of what this process has counted since it started. */
function usageOf(totals: Totals): Map<string, Usage> {
  const tenants = new Map<string, Usage>();
  for (const sample of totals.values()) {
    const { tenant } = sample.labels;
    if (tenant === undefined) continue;
    const usage = tenants.get(tenant) ?? emptyUsage();
    for (const field of fieldsOf(sample)) usage[field] += sample.value;
    tenants.set(tenant, usage);
  }
  return tenants;
}

function fieldsOf({ metric, labels }: Sample): (keyof Usage)[] {
  if (metric === GENERATED) return ['tokens'];
  if (metric === CHUNKS) return ['chunks'];
  if (metric !== ENDED) return [];
  const jobs = labels['work'] === 'chat' ? 'chats' : 'documents';
  return labels['outcome'] === 'failed' ? [jobs, `${jobs}_failed`] : [jobs];
}

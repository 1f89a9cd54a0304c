import { readFileSync } from 'node:fs';
import type { JobName } from '../contracts/jobs.ts';
import { RequestError, UnavailableError } from '../errors.ts';
import { admissionRefusals } from '../metrics/jobs.ts';
import type { RedisClient } from '../redis/connection.ts';
import { admissionKeys } from '../redis/keys.ts';
import { perShard, shardOf, shareOf } from '../shards.ts';

const ADMIT_LUA = readFileSync(new URL('./admit.lua', import.meta.url), 'utf8');
const LEAVE_LUA = readFileSync(new URL('./leave.lua', import.meta.url), 'utf8');

/** Bounds of what `Retry-After` asks for, in seconds. */
const MIN_RETRY_AFTER = 1;
const MAX_RETRY_AFTER = 120;
/** When nothing was taken there is no rate to compute from. */
const UNKNOWN_RETRY_AFTER = 15;
/** Share of the backlog that should have drained when a refused client comes back. */
const DRAINED_SHARE = 0.1;

/** Open jobs of one look for the oldest that waits. */
const PAGE = 500;

/** Most jobs that may wait in a queue. */
export interface BacklogLimits {
  queue: number;
  tenant: number;
}

/** A job on its way into a queue. */
export interface Applicant {
  tenant: string;
  /** Callers take turns, so that one's thousand jobs do not delay another's first. */
  caller: string;
  id: string;
}

/** A place in the backlog. */
export interface Place {
  turn: number;
  /** Jobs ahead, about. */
  position: number;
  /** From the rate since somebody has waited, of the last minute at most; absent when nothing was taken. */
  estimatedWaitMs?: number;
}

/** A job that was admitted and whose log may not have ended yet. */
export interface OpenJob extends Applicant {
  admittedAt: Date;
}

interface AdmissionCommands {
  sluiceAdmit(
    ...args: (string | number)[]
  ): Promise<[status: string, turn: number, ahead: number, waiting: number, taken: number, seconds: number]>;
  sluiceLeave(...args: (string | number)[]): Promise<number>;
}

/** The backlog of one queue: who waits, in whose turn, and which jobs are open. */
export interface Admission {
  /**
   * Takes a job in; the same one again keeps its place.
   *
   * @throws {UnavailableError} 503 `overloaded` when the queue is full
   * @throws {RequestError} 429 `too_many_waiting` when the tenant's share is full; both say when to try again
   */
  admit(applicant: Applicant, limits: BacklogLimits): Promise<Place>;
  /** The job waits no longer: a worker has taken it, or it was dropped. */
  leave(applicant: Applicant, why: 'taken' | 'dropped'): Promise<void>;
  /** Waiting jobs in the order of their turns, with the expected wait of each. */
  waiting(limit: number): Promise<(Applicant & { position: number; estimatedWaitMs?: number })[]>;
  /** When the one was admitted that has waited the longest; undefined when none waits. */
  oldest(): Promise<Date | undefined>;
  /** Open jobs that were admitted before a time, oldest first. */
  open(before: Date, limit: number): Promise<OpenJob[]>;
  /** Forgets jobs whose logs have ended. */
  close(jobs: readonly Applicant[]): Promise<void>;
}

/** Opens the admission of a queue, all shards of it, on a connection that the caller closes. */
export function openAdmission(queue: JobName, redis: RedisClient, shardCount: number): Admission {
  const shards = perShard(shardCount, (shard) => openShard(queue, shard, redis));
  const admissionOf = ({ id }: Applicant) => shards[shardOf(id, shards.length)] as Admission;
  const share = (limit: number) => shareOf(limit, shards.length);
  return {
    admit: (applicant, { queue: all, tenant }) =>
      admissionOf(applicant).admit(applicant, { queue: share(all), tenant: share(tenant) }),
    leave: (applicant, why) => admissionOf(applicant).leave(applicant, why),
    waiting: async (limit) => (await Promise.all(shards.map((shard) => shard.waiting(share(limit))))).flat(),
    oldest: async () => {
      const times = await Promise.all(shards.map((shard) => shard.oldest()));
      return times.filter((time) => time !== undefined).sort((a, b) => a.getTime() - b.getTime())[0];
    },
    open: async (before, limit) =>
      (await Promise.all(shards.map((shard) => shard.open(before, share(limit))))).flat(),
    async close(jobs) {
      await Promise.all(shards.map((shard) => shard.close(jobs.filter((job) => admissionOf(job) === shard))));
    },
  };
}

function openShard(queue: JobName, shard: number, redis: RedisClient): Admission {
  redis.defineCommand('sluiceAdmit', { numberOfKeys: 4, lua: ADMIT_LUA });
  redis.defineCommand('sluiceLeave', { numberOfKeys: 4, lua: LEAVE_LUA });
  const commands = redis as RedisClient & AdmissionCommands;
  const keys = admissionKeys(queue, shard);
  const all = [keys.waiting, keys.counts, keys.open, keys.taken];

  const drainRate = async () => {
    const now = Math.floor(Date.now() / 1_000);
    const slot = Math.floor(now / 10);
    const [since, slots] = await Promise.all([
      redis.hget(keys.counts, 'b'),
      redis.hmget(keys.taken, ...[0, 1, 2, 3, 4, 5].map((ago) => String(slot - ago))),
    ]);
    const taken = slots.reduce((sum, count) => sum + Number(count ?? 0), 0);
    return taken / Math.min(Math.max(now - Number(since ?? now), 1), 60);
  };
  const leave = async (applicant: Applicant, why: 'taken' | 'dropped') => {
    await commands.sluiceLeave(...all, toMember(applicant), applicant.tenant, applicant.caller, why);
  };

  return {
    leave,
    async admit(applicant, limits) {
      const [status, turn, position, waiting, taken, seconds] = await commands.sluiceAdmit(
        ...all,
        toMember(applicant),
        applicant.tenant,
        applicant.caller,
        limits.queue,
        limits.tenant,
      );
      if (status === 'OK') return { turn, position, ...estimateWait(position, taken / seconds) };
      admissionRefusals.inc({ queue, tenant: applicant.tenant });
      const retryAfter = computeRetryAfter(waiting, taken / seconds);
      if (status === 'TENANT_FULL') {
        throw new RequestError(
          429,
          'too_many_waiting',
          `${limits.tenant} of your requests are waiting, the most that are accepted. Try again in ${retryAfter} s.`,
          { retryAfter },
        );
      }
      throw new UnavailableError(
        503,
        'overloaded',
        `Too many requests are waiting. Try again in ${retryAfter} s.`,
        { retryAfter },
      );
    },
    async waiting(limit) {
      const [members, rate] = await Promise.all([redis.zrange(keys.waiting, 0, limit - 1), drainRate()]);
      return members.map((member, position) => ({
        ...fromMember(member),
        position,
        ...estimateWait(position, rate),
      }));
    },
    async oldest() {
      // By turns the oldest may be anywhere; by age, only those that are being worked on come before it.
      if ((await redis.zcard(keys.waiting)) === 0) return undefined;
      for (let first = 0; ; first += PAGE) {
        const flat = await redis.zrange(keys.open, first, first + PAGE - 1, 'WITHSCORES');
        if (flat.length === 0) return undefined;
        const members = flat.filter((_, i) => i % 2 === 0);
        const turns = await redis.zmscore(keys.waiting, ...members);
        const at = turns.findIndex((turn) => turn !== null);
        if (at !== -1) return new Date(Number(flat[2 * at + 1]) * 1_000);
      }
    },
    async open(before, limit) {
      const flat = await redis.zrangebyscore(
        keys.open,
        0,
        Math.floor(before.getTime() / 1_000),
        'WITHSCORES',
        'LIMIT',
        0,
        limit,
      );
      const jobs: OpenJob[] = [];
      for (let i = 0; i + 1 < flat.length; i += 2) {
        jobs.push({ ...fromMember(flat[i] ?? ''), admittedAt: new Date(Number(flat[i + 1]) * 1_000) });
      }
      return jobs;
    },
    async close(jobs) {
      if (jobs.length === 0) return;
      await Promise.all([
        redis.zrem(keys.open, ...jobs.map(toMember)),
        ...jobs.map((job) => leave(job, 'dropped')),
      ]);
    },
  };
}

/**
 * Seconds in which a tenth of the backlog drains.
 *
 * @param rate jobs taken per second
 */
export function computeRetryAfter(waiting: number, rate: number): number {
  if (rate === 0) return UNKNOWN_RETRY_AFTER;
  const seconds = Math.ceil((waiting * DRAINED_SHARE) / rate);
  return Math.min(Math.max(seconds, MIN_RETRY_AFTER), MAX_RETRY_AFTER);
}

function estimateWait(position: number, rate: number): { estimatedWaitMs?: number } {
  if (rate === 0) return position === 0 ? { estimatedWaitMs: 0 } : {};
  return { estimatedWaitMs: Math.round((position * 1_000) / rate) };
}

/** Neither tenants nor job ids have spaces; a caller may have anything, so it comes last. */
function toMember({ tenant, id, caller }: Applicant): string {
  return `${tenant} ${id} ${caller}`;
}

function fromMember(member: string): Applicant {
  const [tenant = '', id = ''] = member.split(' ', 2);
  return { tenant, id, caller: member.slice(tenant.length + id.length + 2) };
}

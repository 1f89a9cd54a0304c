import { z } from 'zod';
import type { RedisClient } from '../redis/connection.ts';
import { indexKey } from '../redis/keys.ts';
import type { VectorSpace } from './names.ts';

/** How long a space that was replaced is not built again: processes of a rolling update may still be configured for it. */
const REPLACED_FOR_MS = 86_400_000;

/** KEYS spaces; ARGV the space wanted, now, ms that a replaced one stays so. Returns whether it serves, is to be built, or neither. */
const WANT_LUA = `
redis.call('HSETNX', KEYS[1], 'serving', ARGV[1])
if redis.call('HGET', KEYS[1], 'serving') == ARGV[1] then return 'serving' end
local replaced = redis.call('HGET', KEYS[1], 'replaced ' .. ARGV[1])
if replaced and tonumber(replaced) + tonumber(ARGV[3]) > tonumber(ARGV[2]) then return 'replaced' end
redis.call('HSET', KEYS[1], 'building', ARGV[1])
return 'building'`;

/** KEYS spaces; ARGV the space built, now. Returns 0 when it is no longer the one to be built. */
const SWITCH_LUA = `
if redis.call('HGET', KEYS[1], 'building') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'replaced ' .. redis.call('HGET', KEYS[1], 'serving'), ARGV[2])
redis.call('HSET', KEYS[1], 'leaving', redis.call('HGET', KEYS[1], 'serving'), 'serving', ARGV[1])
redis.call('HDEL', KEYS[1], 'building', 'replaced ' .. ARGV[1])
return 1`;

interface SpaceCommands {
  sluiceWantSpace(key: string, space: string, now: number, replacedForMs: number): Promise<Wanted>;
  sluiceSwitchSpace(key: string, space: string, now: number): Promise<number>;
}

/** What becomes of a space that is wanted; one that was replaced less than a day ago is not built again. */
export type Wanted = 'serving' | 'building' | 'replaced';

/** Which spaces there are. */
export interface Spaces {
  /** What searches use. */
  serving: VectorSpace;
  /** What is to take its place. */
  building?: VectorSpace;
  /** What served before, while documents may still end there. */
  leaving?: VectorSpace;
}

/** Which vector space the system searches, the same for all processes: what an alias is for one collection. */
export interface SpaceRegistry {
  /** @param configured serves when nothing does yet */
  read(configured: VectorSpace): Promise<Spaces>;
  /** Has a space built, unless it serves. */
  want(space: VectorSpace): Promise<Wanted>;
  /** Nothing ends any more in the space that served before. */
  left(): Promise<void>;
  /** Serves the space that was built. @returns false when another one is to be built by now */
  switchTo(space: VectorSpace): Promise<boolean>;
}

const spaceSchema = z
  .string()
  .transform((json) => JSON.parse(json) as unknown)
  .pipe(z.object({ model: z.string(), dimensions: z.int().positive() }));

/** Opens the registry on a connection that the caller closes. */
export function openSpaces(redis: RedisClient): SpaceRegistry {
  redis.defineCommand('sluiceWantSpace', { numberOfKeys: 1, lua: WANT_LUA });
  redis.defineCommand('sluiceSwitchSpace', { numberOfKeys: 1, lua: SWITCH_LUA });
  const commands = redis as RedisClient & SpaceCommands;
  return {
    async read(configured) {
      await redis.hsetnx(indexKey, 'serving', encode(configured));
      const [serving, building, leaving] = await redis.hmget(indexKey, 'serving', 'building', 'leaving');
      return {
        serving: serving ? spaceSchema.parse(serving) : configured,
        ...(building && { building: spaceSchema.parse(building) }),
        ...(leaving && { leaving: spaceSchema.parse(leaving) }),
      };
    },
    async left() {
      await redis.hdel(indexKey, 'leaving');
    },
    want: (space) => commands.sluiceWantSpace(indexKey, encode(space), Date.now(), REPLACED_FOR_MS),
    switchTo: async (space) => (await commands.sluiceSwitchSpace(indexKey, encode(space), Date.now())) === 1,
  };
}

/** Whether two spaces are the same. */
export function isSameSpace(left: VectorSpace, right: VectorSpace): boolean {
  return encode(left) === encode(right);
}

function encode({ model, dimensions }: VectorSpace): string {
  return JSON.stringify({ model, dimensions });
}

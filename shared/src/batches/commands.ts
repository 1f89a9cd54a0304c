import { readFileSync } from 'node:fs';
import { BATCH_ITEM_STATUSES } from '../contracts/batches.ts';
import type { RedisClient } from '../redis/connection.ts';

const read = (name: string) => readFileSync(new URL(`./${name}.lua`, import.meta.url), 'utf8');
const COMMON = read('common');

/**
 * KEYS batch; ARGV "json", what it was created with, "retention_ms", milliseconds. Until something is added it is kept
 * for as long as one that has ended.
 */
const CREATE_LUA = `
if redis.call('EXISTS', KEYS[1]) == 1 then return end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], 'touched_at', redis.call('TIME')[1])
redis.call('PEXPIRE', KEYS[1], ARGV[4])`;

type Arguments = (string | number)[];
interface BatchCommands {
  sluiceCreateBatch(...args: Arguments): Promise<unknown>;
  sluiceBatchAdd(...args: Arguments): Promise<[status: string, json?: string]>;
  sluiceBatchMove(...args: Arguments): Promise<number>;
  sluiceBatchTake(...args: Arguments): Promise<string[]>;
  sluiceBatchFlag(...args: Arguments): Promise<string>;
  sluiceBatchRetry(...args: Arguments): Promise<string | number>;
}

/** Teaches a connection the scripts of batches. */
export function withBatchCommands(redis: RedisClient): RedisClient & BatchCommands {
  redis.defineCommand('sluiceCreateBatch', { numberOfKeys: 1, lua: CREATE_LUA });
  const scripts = { Add: 'add', Move: 'move', Take: 'take', Flag: 'set-flag', Retry: 'retry' };
  const numberOfKeys = 2 + BATCH_ITEM_STATUSES.length;
  for (const [name, file] of Object.entries(scripts))
    redis.defineCommand(`sluiceBatch${name}`, { numberOfKeys, lua: COMMON + read(file) });
  return redis as RedisClient & BatchCommands;
}

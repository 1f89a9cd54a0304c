import { BATCH_ITEM_STATUSES, batchItemSchema } from '../contracts/batches.ts';
import type { Batch, BatchItem, BatchItemStatus } from '../contracts/batches.ts';
import { RequestError } from '../errors.ts';
import type { RedisClient } from '../redis/connection.ts';
import { readNewestFirst } from '../redis/newest-first.ts';
import type { PageOptions } from '../redis/newest-first.ts';
import { activeBatchesKey, batchIndexKey, batchKeys } from '../redis/keys.ts';
import { withBatchCommands } from './commands.ts';
import { describeBatch } from './describe.ts';
import { batchOriginSchema } from './origin.ts';
import type { BatchOrigin } from './origin.ts';

/** Names one batch. */
export interface BatchAddress {
  tenant: string;
  id: string;
}

/** A batch with what it was created with. */
export interface StoredBatch {
  address: BatchAddress;
  origin: BatchOrigin;
  batch: Batch;
  /** Rises with every change. */
  revision: number;
}

/** Items whose documents are kept and have not ended. */
export const ON_THE_WAY = ['pending', 'queued', 'processing'] as const;

/** A change of an item's status. */
export interface ItemMove {
  from: readonly BatchItemStatus[];
  to: BatchItemStatus;
  /** Does nothing unless the item is this version of its document. */
  version?: number;
  set?: Pick<BatchItem, 'error'>;
}

/** The batches of tenants. Its methods throw ioredis errors when Redis is away. */
export interface BatchRegistry {
  /** Creates a batch, or finishes what broke off; one that is there already stays as it is. */
  create(tenant: string, origin: BatchOrigin): Promise<void>;
  find(address: BatchAddress): Promise<StoredBatch | undefined>;
  /** @throws {RequestError} 404 */
  get(address: BatchAddress): Promise<StoredBatch>;
  revision(address: BatchAddress): Promise<number>;
  /** Newest first; see `readNewestFirst`. */
  list(
    tenant: string,
    options: PageOptions,
  ): Promise<{ batches: Batch[]; total: number; next_cursor?: string }>;
  /**
   * Adds a file, or finds it: the same path with the same bytes is the same item. One whose bytes were still being
   * received, or could not be kept, takes over what is known of it now.
   *
   * @throws {RequestError} 404, 409 `batch_closed`
   */
  add(address: BatchAddress, item: BatchItem): Promise<BatchItem>;
  item(address: BatchAddress, itemId: string): Promise<BatchItem | undefined>;
  /** @returns whether the item was where the move starts from */
  move(address: BatchAddress, itemId: string, move: ItemMove): Promise<boolean>;
  /** The next items that wait, now `queued`: as many as there is room for in the window, at most `count`. */
  take(address: BatchAddress, options: { window: number; count: number }): Promise<BatchItem[]>;
  /** Items of some statuses, in the order of their coming. */
  items(
    address: BatchAddress,
    options: { statuses: readonly BatchItemStatus[]; limit: number; cursor?: number | undefined },
  ): Promise<{ items: BatchItem[]; next_cursor?: string }>;
  /** @throws {RequestError} 404, 409 `batch_ended` */
  setFlag(address: BatchAddress, flag: 'closed' | 'paused' | 'cancelled', value: boolean): Promise<void>;
  /** Closes a batch to which nothing was added for so long. */
  closeWhenIdle(address: BatchAddress, idleMs: number): Promise<void>;
  /**
   * Gives items that failed another turn, each as a version of its document. A script holds up everybody: not too many.
   *
   * @returns how many
   * @throws {RequestError} 404, 409 `batch_ended` when it was cancelled
   */
  retry(address: BatchAddress, turns: readonly { id: string; version: number }[]): Promise<number>;
  /** Batches that may not have ended. */
  active(tenant: string): Promise<string[]>;
  /** Takes a batch that has ended from these; one that goes on stays. */
  deactivate(address: BatchAddress): Promise<void>;
}

/** Opens the registry on a connection that the caller closes. */
export function openBatches(redis: RedisClient): BatchRegistry {
  const commands = withBatchCommands(redis);

  const find = async ({ tenant, id }: BatchAddress) => {
    const keys = batchKeys(tenant, id);
    const transaction = redis.multi().hgetall(keys.batch);
    for (const status of BATCH_ITEM_STATUSES) transaction.zcard(keys.ofStatus(status));
    const [fields, ...counts] = valuesOf(await transaction.exec()) as [Record<string, string>, ...number[]];
    if (fields['json'] === undefined) return undefined;
    const origin = batchOriginSchema.parse(JSON.parse(fields['json']));
    const byStatus = Object.fromEntries(
      BATCH_ITEM_STATUSES.map((status, index) => [status, counts[index] ?? 0]),
    ) as Batch['counts'];
    return {
      address: { tenant, id },
      origin,
      batch: describeBatch(origin, fields, byStatus),
      revision: Number(fields['rev'] ?? 0),
    };
  };
  const get = async (address: BatchAddress) => {
    const found = await find(address);
    if (found) return found;
    throw notFound(address.id);
  };

  return {
    find,
    get,
    async create(tenant, origin) {
      const { batch } = batchKeys(tenant, origin.id);
      const fields = ['json', JSON.stringify(origin), 'retention_ms', origin.retention_ms] as const;
      await commands.sluiceCreateBatch(batch, ...fields);
      await redis
        .multi()
        .zadd(batchIndexKey(tenant), 'NX', Date.parse(origin.created_at), origin.id)
        .sadd(activeBatchesKey(tenant), origin.id)
        .exec();
    },
    async revision({ tenant, id }) {
      return Number((await redis.hget(batchKeys(tenant, id).batch, 'rev')) ?? 0);
    },
    async list(tenant, options) {
      const key = batchIndexKey(tenant);
      const { ids, total, ...next } = await readNewestFirst(redis, key, options);
      const found = await Promise.all(ids.map((id) => find({ tenant, id })));
      const expired = ids.filter((_id, index) => !found[index]);
      if (expired.length > 0) await redis.zrem(key, ...expired);
      return {
        batches: found.flatMap((stored) => stored?.batch ?? []),
        total: total - expired.length,
        ...next,
      };
    },
    async add(address, item) {
      const [status, json] = await commands.sluiceBatchAdd(...allKeys(address), JSON.stringify(item));
      if (status === 'MISSING') throw notFound(address.id);
      if (json === undefined)
        throw new RequestError(
          409,
          'batch_closed',
          `The batch ${address.id} takes no more files. Create another one.`,
        );
      return parseItem(json);
    },
    async item({ tenant, id }, itemId) {
      const json = await redis.hget(batchKeys(tenant, id).items, itemId);
      return json === null ? undefined : parseItem(json);
    },
    async move(address, itemId, { from, to, version, set = {} }) {
      const moved = await commands.sluiceBatchMove(
        ...allKeys(address),
        itemId,
        ` ${from.join(' ')} `,
        to,
        version ?? '',
        JSON.stringify(set),
      );
      return moved === 1;
    },
    async take(address, { window, count }) {
      return (await commands.sluiceBatchTake(...allKeys(address), window, count)).map(parseItem);
    },
    async items({ tenant, id }, { statuses, limit, cursor }) {
      const keys = batchKeys(tenant, id);
      const transaction = redis.multi();
      for (const status of statuses) {
        const after = cursor === undefined ? '-inf' : `(${cursor}`;
        transaction.zrangebyscore(keys.ofStatus(status), after, '+inf', 'WITHSCORES', 'LIMIT', 0, limit);
      }
      const pages = valuesOf(await transaction.exec()) as string[][];
      const places = pages
        .flatMap(toPairs)
        .toSorted((left, right) => left.place - right.place)
        .slice(0, limit);
      const last = places.at(-1);
      if (!last) return { items: [] };
      const jsons = await redis.hmget(keys.items, ...places.map((one) => one.id));
      return {
        items: jsons.filter((json) => json !== null).map(parseItem),
        ...(places.length === limit && { next_cursor: String(last.place) }),
      };
    },
    async setFlag(address, flag, value) {
      const result = await commands.sluiceBatchFlag(...allKeys(address), flag, value ? 1 : 0, '');
      if (result === 'MISSING') throw notFound(address.id);
      if (result === 'ENDED') throw ended(address.id);
    },
    async closeWhenIdle(address, idleMs) {
      await commands.sluiceBatchFlag(...allKeys(address), 'closed', 1, Math.ceil(idleMs / 1_000));
    },
    async retry(address, turns) {
      const pairs = turns.flatMap(({ id, version }) => [id, version]);
      const result = await commands.sluiceBatchRetry(...allKeys(address), ...pairs);
      if (result === 'MISSING') throw notFound(address.id);
      if (result === 'CANCELLED') throw ended(address.id);
      await redis.sadd(activeBatchesKey(address.tenant), address.id);
      return Number(result);
    },
    active: (tenant) => redis.smembers(activeBatchesKey(tenant)),
    async deactivate(address) {
      const { tenant, id } = address;
      await redis.srem(activeBatchesKey(tenant), id);
      const found = await find(address);
      // It may have been retried meanwhile.
      if (found && found.batch.ended_at === undefined) await redis.sadd(activeBatchesKey(tenant), id);
    },
  };
}

function allKeys({ tenant, id }: BatchAddress): string[] {
  const keys = batchKeys(tenant, id);
  return [keys.batch, keys.items, ...BATCH_ITEM_STATUSES.map((status) => keys.ofStatus(status))];
}

function parseItem(json: string): BatchItem {
  return batchItemSchema.parse(JSON.parse(json));
}

/** The results of a transaction; throws the first failure among them. */
function valuesOf(results: [error: Error | null, value: unknown][] | null): unknown[] {
  return (results ?? []).map(([error, value]) => {
    if (error) throw error;
    return value;
  });
}

function toPairs(flat: string[]): { id: string; place: number }[] {
  const pairs = [];
  for (let i = 0; i + 1 < flat.length; i += 2) pairs.push({ id: flat[i] ?? '', place: Number(flat[i + 1]) });
  return pairs;
}

function notFound(id: string): RequestError {
  return new RequestError(404, 'not_found', `There is no batch with the id ${id}, or it is no longer kept.`);
}

function ended(id: string): RequestError {
  return new RequestError(409, 'batch_ended', `The batch ${id} has ended, or was cancelled.`);
}

import type { z } from 'zod';
import { collectionSettingsSchema, DEFAULT_COLLECTION } from './contracts/knowledge.ts';
import type { Chunking, Collection, DocumentType } from './contracts/knowledge.ts';
import { RequestError } from './errors.ts';
import type { RedisClient } from './redis/connection.ts';
import { collectionIndexKey, collectionsKey } from './redis/keys.ts';

/** What a collection is set to. */
export type CollectionSettings = z.infer<typeof collectionSettingsSchema>;

/** KEYS collections, index of the collection; ARGV name. Returns -1 when it is not empty, else how many were deleted. */
const DELETE_LUA = `
if redis.call('ZCARD', KEYS[2]) > 0 then return -1 end
return redis.call('HDEL', KEYS[1], ARGV[1])`;

/** The collections of tenants. `default` is always there. Methods throw ioredis errors when Redis is away. */
export interface CollectionRegistry {
  put(tenant: string, name: string, settings: CollectionSettings): Promise<void>;
  /** @throws {RequestError} 404 `unknown_collection` */
  get(tenant: string, name: string): Promise<Collection>;
  /** How documents of a format are split in a collection; undefined where it does not say, or is not there. */
  chunkingOf(tenant: string, name: string, type: DocumentType): Promise<Chunking | undefined>;
  list(tenant: string): Promise<Collection[]>;
  /** @throws {RequestError} 404 `unknown_collection`, 409 `collection_not_empty` */
  delete(tenant: string, name: string): Promise<void>;
}

/** Opens the registry on a connection that the caller closes. */
export function openCollections(redis: RedisClient): CollectionRegistry {
  redis.defineCommand('sluiceDeleteCollection', { numberOfKeys: 2, lua: DELETE_LUA });
  const commands = redis as RedisClient & { sluiceDeleteCollection(...args: string[]): Promise<number> };

  const describe = async (tenant: string, name: string, json: string | null): Promise<Collection> => ({
    name,
    ...collectionSettingsSchema.parse(JSON.parse(json ?? '{}')),
    documents: await redis.zcard(collectionIndexKey(tenant, name)),
  });

  return {
    async put(tenant, name, settings) {
      await redis.hset(collectionsKey(tenant), name, JSON.stringify(settings));
    },
    async get(tenant, name) {
      const json = await redis.hget(collectionsKey(tenant), name);
      if (json === null && name !== DEFAULT_COLLECTION) throw unknownCollection(name);
      return describe(tenant, name, json);
    },
    async chunkingOf(tenant, name, type) {
      const json = await redis.hget(collectionsKey(tenant), name);
      if (json === null) return undefined;
      const { chunking, formats } = collectionSettingsSchema.parse(JSON.parse(json));
      return formats?.[type] ?? chunking;
    },
    async list(tenant) {
      const all = { [DEFAULT_COLLECTION]: '{}', ...(await redis.hgetall(collectionsKey(tenant))) };
      const names = Object.entries(all).toSorted(([left], [right]) => (left < right ? -1 : 1));
      return Promise.all(names.map(([name, json]) => describe(tenant, name, json)));
    },
    async delete(tenant, name) {
      const deleted = await commands.sluiceDeleteCollection(
        collectionsKey(tenant),
        collectionIndexKey(tenant, name),
        name,
      );
      if (deleted === 0) throw unknownCollection(name);
      if (deleted === -1)
        throw new RequestError(
          409,
          'collection_not_empty',
          `The collection ${name} has documents. Delete or move them first.`,
        );
    },
  };
}

function unknownCollection(name: string): RequestError {
  return new RequestError(
    404,
    'unknown_collection',
    `There is no collection ${name}. Create it with PUT /api/knowledge/collections/${name}.`,
  );
}

import { documentSchema } from './contracts/knowledge.ts';
import type { Document } from './contracts/knowledge.ts';
import { RequestError } from './errors.ts';
import type { RedisClient } from './redis/connection.ts';
import { documentHashKey, documentIndexKey, documentKey, retiredDocumentsKey } from './redis/keys.ts';

/** KEYS entry, index, hashes; ARGV id, score, sha256, json. Returns the id that owns the hash. */
const REGISTER_LUA = `
local owner = redis.call('HGET', KEYS[3], ARGV[3])
if owner then return owner end
redis.call('HSET', KEYS[1], 'json', ARGV[4], 'attempt', 0)
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
redis.call('HSET', KEYS[3], ARGV[3], ARGV[1])
return ARGV[1]`;

/** KEYS entry; ARGV attempt, patch as JSON. Returns 0 when the document is gone, -1 when a later attempt owns it. */
const UPDATE_LUA = `
local json = redis.call('HGET', KEYS[1], 'json')
if not json or redis.call('HEXISTS', KEYS[1], 'retired') == 1 then return 0 end
if tonumber(redis.call('HGET', KEYS[1], 'attempt')) > tonumber(ARGV[1]) then return -1 end
local document = cjson.decode(json)
for field, value in pairs(cjson.decode(ARGV[2])) do
  if value == cjson.null then document[field] = nil else document[field] = value end
end
redis.call('HSET', KEYS[1], 'json', cjson.encode(document), 'attempt', ARGV[1])
return 1`;

/** KEYS entry, index, hashes, retired; ARGV id, sha256. Returns 1 for whoever comes first. */
const RETIRE_LUA = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if redis.call('HSETNX', KEYS[1], 'retired', '1') == 0 then return 0 end
redis.call('ZREM', KEYS[2], ARGV[1])
if redis.call('HGET', KEYS[3], ARGV[2]) == ARGV[1] then redis.call('HDEL', KEYS[3], ARGV[2]) end
redis.call('SADD', KEYS[4], ARGV[1])
return 1`;

interface RegistryCommands {
  sluiceRetire(...args: (string | number)[]): Promise<number>;
  sluiceRegister(...args: (string | number)[]): Promise<string>;
  sluiceUpdateDocument(...args: (string | number)[]): Promise<number>;
}

/** Fields that change while a document is ingested; null removes one. */
export type DocumentPatch = {
  [K in 'status' | 'chunks' | 'pages' | 'characters' | 'error']?: Document[K] | null;
};

/** The registry of one or more tenants' documents. Its methods throw ioredis errors when Redis is away. */
export interface DocumentRegistry {
  /** Registers a new document, or returns the one that has the same bytes. Atomic, whoever races. */
  register(document: Document): Promise<{ document: Document; created: boolean }>;
  /** @throws {RequestError} 404 */
  get(tenant: string, id: string): Promise<Document>;
  find(tenant: string, id: string): Promise<Document | undefined>;
  /** Newest first. `cursor` is the one that the page before gave. */
  list(
    tenant: string,
    options: { limit: number; cursor?: string },
  ): Promise<{ documents: Document[]; total: number; next_cursor?: string }>;
  /**
   * Applies a patch on behalf of an attempt.
   *
   * @returns `gone` when the document was deleted, `stale` when a later attempt has it
   */
  update(
    tenant: string,
    id: string,
    attempt: number,
    patch: DocumentPatch,
  ): Promise<'updated' | 'gone' | 'stale'>;
  /**
   * Retires a document: it is found no longer, its bytes may be registered anew, and updates of it answer `gone`.
   *
   * @returns false when it was retired before, or is not there
   */
  retire(document: Document): Promise<boolean>;
  /** Ids of retired documents that are not forgotten yet. */
  retired(tenant: string): Promise<string[]>;
  /** Forgets a retired document, once nothing of it is left anywhere. Idempotent. */
  forget(tenant: string, id: string): Promise<void>;
}

/** Opens the registry on a connection that the caller closes. */
export function openDocuments(redis: RedisClient): DocumentRegistry {
  redis.defineCommand('sluiceRegister', { numberOfKeys: 3, lua: REGISTER_LUA });
  redis.defineCommand('sluiceRetire', { numberOfKeys: 4, lua: RETIRE_LUA });
  redis.defineCommand('sluiceUpdateDocument', { numberOfKeys: 1, lua: UPDATE_LUA });
  const commands = redis as RedisClient & RegistryCommands;

  const find = async (tenant: string, id: string) => {
    const [json, retired] = await redis.hmget(documentKey(tenant, id), 'json', 'retired');
    return json && !retired ? documentSchema.parse(JSON.parse(json)) : undefined;
  };
  const get = async (tenant: string, id: string) => {
    const document = await find(tenant, id);
    if (document) return document;
    throw new RequestError(404, 'not_found', `There is no document with the id ${id}.`);
  };

  return {
    find,
    get,
    async register(document) {
      const { tenant, id } = document;
      for (;;) {
        const owner = await commands.sluiceRegister(
          documentKey(tenant, id),
          documentIndexKey(tenant),
          documentHashKey(tenant),
          id,
          Date.parse(document.created_at),
          document.hash,
          JSON.stringify(document),
        );
        if (owner === id) return { document, created: true };
        const existing = await find(tenant, owner);
        // Retired between the two calls: its bytes are free again.
        if (existing) return { document: existing, created: false };
      }
    },
    async list(tenant, { limit, cursor }) {
      const key = documentIndexKey(tenant);
      const offset = cursor === undefined ? 0 : Number(cursor);
      if (cursor !== undefined && !/^\d{1,9}$/.test(cursor))
        throw new RequestError(400, 'invalid_cursor', 'That cursor did not come from a page of this list.');
      const [ids, total] = await Promise.all([
        redis.zrevrange(key, offset, offset + limit - 1),
        redis.zcard(key),
      ]);
      const found = await Promise.all(ids.map((id) => find(tenant, id)));
      return {
        documents: found.filter((document) => document !== undefined),
        total,
        ...(offset + limit < total && { next_cursor: String(offset + limit) }),
      };
    },
    async update(tenant, id, attempt, patch) {
      const change = { ...patch, updated_at: new Date().toISOString() };
      const result = await commands.sluiceUpdateDocument(
        documentKey(tenant, id),
        attempt,
        JSON.stringify(change),
      );
      return result === 1 ? 'updated' : result === 0 ? 'gone' : 'stale';
    },
    async retire({ tenant, id, hash }) {
      const retired = await commands.sluiceRetire(
        documentKey(tenant, id),
        documentIndexKey(tenant),
        documentHashKey(tenant),
        retiredDocumentsKey(tenant),
        id,
        hash,
      );
      return retired === 1;
    },
    retired: (tenant) => redis.smembers(retiredDocumentsKey(tenant)),
    async forget(tenant, id) {
      await redis.multi().del(documentKey(tenant, id)).srem(retiredDocumentsKey(tenant), id).exec();
    },
  };
}

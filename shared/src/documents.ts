import type { Redis } from 'ioredis';
import { documentSchema } from './contracts/knowledge.ts';
import type { Document } from './contracts/knowledge.ts';
import { RequestError } from './errors.ts';
import { documentHashKey, documentIndexKey, documentKey } from './redis/keys.ts';

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
if not json then return 0 end
if tonumber(redis.call('HGET', KEYS[1], 'attempt')) > tonumber(ARGV[1]) then return -1 end
local document = cjson.decode(json)
for field, value in pairs(cjson.decode(ARGV[2])) do
  if value == cjson.null then document[field] = nil else document[field] = value end
end
redis.call('HSET', KEYS[1], 'json', cjson.encode(document), 'attempt', ARGV[1])
return 1`;

interface RegistryCommands {
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
  /** Forgets a document. Idempotent. */
  remove(document: Document): Promise<void>;
}

/** Opens the registry on a connection that the caller closes. */
export function openDocuments(redis: Redis): DocumentRegistry {
  redis.defineCommand('sluiceRegister', { numberOfKeys: 3, lua: REGISTER_LUA });
  redis.defineCommand('sluiceUpdateDocument', { numberOfKeys: 1, lua: UPDATE_LUA });
  const commands = redis as Redis & RegistryCommands;

  const find = async (tenant: string, id: string) => {
    const json = await redis.hget(documentKey(tenant, id), 'json');
    return json === null ? undefined : documentSchema.parse(JSON.parse(json));
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
      const owner = await commands.sluiceRegister(
        documentKey(tenant, id),
        documentIndexKey(tenant),
        documentHashKey(tenant),
        id,
        Date.parse(document.created_at),
        document.hash,
        JSON.stringify(document),
      );
      return owner === id
        ? { document, created: true }
        : { document: await get(tenant, owner), created: false };
    },
    async list(tenant, { limit, cursor }) {
      const key = documentIndexKey(tenant);
      const offset = cursor === undefined ? 0 : Number(cursor);
      if (!Number.isSafeInteger(offset) || offset < 0)
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
    async remove({ tenant, id, hash }) {
      await redis
        .multi()
        .hdel(documentHashKey(tenant), hash)
        .zrem(documentIndexKey(tenant), id)
        .del(documentKey(tenant, id))
        .exec();
    },
  };
}

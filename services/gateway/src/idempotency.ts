import { createHash } from 'node:crypto';
import { RequestError } from '@sluice/shared/errors';
import type { RedisClient } from '@sluice/shared/redis/connection';
import { idempotencyKey } from '@sluice/shared/redis/keys';
import type { GatewayDeps } from './context.ts';

/** KEYS key; ARGV id, fingerprint, ttl in ms. The first to come owns the key; its time to live is never extended. */
const CLAIM_LUA = `
if redis.call('HSETNX', KEYS[1], 'id', ARGV[1]) == 1 then
  redis.call('HSET', KEYS[1], 'request', ARGV[2], 'submitted', '0')
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return redis.call('HMGET', KEYS[1], 'id', 'request', 'submitted')`;

interface ClaimCommand {
  sluiceClaim(
    key: string,
    id: string,
    fingerprint: string,
    ttlMs: number,
  ): Promise<[id: string, request: string, submitted: string]>;
}

function withClaim(redis: RedisClient): RedisClient & ClaimCommand {
  if (!('sluiceClaim' in redis)) redis.defineCommand('sluiceClaim', { numberOfKeys: 1, lua: CLAIM_LUA });
  return redis as RedisClient & ClaimCommand;
}

/** What a key stands for. */
export interface Claim {
  /** The job of whoever came first. */
  id: string;
  /** Whether its submission was seen through; else whoever has the key may do it again. */
  isSubmitted: boolean;
  /** Notes that it was. */
  markSubmitted(): Promise<void>;
}

const KEY_FORM = /^[\x21-\x7e]{1,255}$/;

/**
 * Claims an `Idempotency-Key` for a job, or finds the job that it was claimed for. Atomic, whoever races.
 *
 * @param request what the key is bound to
 * @throws {RequestError} 422 `idempotency_key_reused` when it was used with another request, 400 when it is malformed
 */
export async function claimKey(
  { commands, settings }: Pick<GatewayDeps, 'commands' | 'settings'>,
  tenant: string,
  key: string,
  request: object,
  newId: string,
): Promise<Claim> {
  if (!KEY_FORM.test(key)) {
    throw new RequestError(
      400,
      'invalid_idempotency_key',
      'Idempotency-Key must be 1 to 255 visible ASCII characters.',
    );
  }
  const redisKey = idempotencyKey(tenant, createHash('sha256').update(key).digest('hex'));
  const fingerprint = createHash('sha256').update(JSON.stringify(request)).digest('hex');
  const [id, owner, submitted] = await withClaim(commands).sluiceClaim(
    redisKey,
    newId,
    fingerprint,
    settings.idempotencyMs,
  );
  if (owner !== fingerprint) {
    throw new RequestError(
      422,
      'idempotency_key_reused',
      'This Idempotency-Key was used with another request. Use a new one for each.',
    );
  }
  return {
    id,
    isSubmitted: submitted === '1',
    markSubmitted: async () => void (await commands.hset(redisKey, 'submitted', '1')),
  };
}

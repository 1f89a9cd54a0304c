import { v7 as uuidv7 } from 'uuid';
import type { ChatRequest } from '@sluice/shared/contracts/chat';
import { createLog } from '@sluice/shared/event-log/log';
import { isRedisAway, redisUnavailable } from '@sluice/shared/redis/connection';
import type { GatewayDeps } from './context.ts';
import { claimKey } from './idempotency.ts';

/** Who asks. */
export interface Caller {
  tenant: string;
  requestId: string;
  /** Whose turn it is, when the request names no `user`. */
  address: string;
  idempotencyKey?: string | undefined;
}

/**
 * Accepts a chat: takes it into the backlog, creates its log, then enqueues its job. When this returns, the chat will
 * end in exactly one terminal record. With an idempotency key each step may be repeated, by whoever has the same key:
 * the chat stays one.
 *
 * @returns the chat's id
 * @throws {UnavailableError} `redis_unavailable`, `overloaded`: nothing was accepted
 * @throws {RequestError} 429 `too_many_waiting`; 422 `idempotency_key_reused`
 */
export async function submitChat(deps: GatewayDeps, caller: Caller, request: ChatRequest): Promise<string> {
  try {
    return await submit(deps, caller, request);
  } catch (error) {
    throw isRedisAway(error) ? redisUnavailable(error) : error;
  }
}

async function submit(deps: GatewayDeps, caller: Caller, request: ChatRequest): Promise<string> {
  const { commands, settings } = deps;
  const { tenant, idempotencyKey } = caller;
  const newId = `chat_${uuidv7()}`;
  const claim =
    idempotencyKey === undefined ? undefined : await claimKey(deps, tenant, idempotencyKey, request, newId);
  const id = claim?.id ?? newId;
  if (claim?.isSubmitted) return id;

  // The response of the first is the response of all, for as long as the key lives.
  const retentionMs = Math.max(settings.retentionMs, claim ? settings.idempotencyMs : 0);
  const { queue, admission, limits } = deps.lanes[request.priority];
  const applicant = { tenant, caller: request.user ?? caller.address, id };
  const place = await admission.admit(applicant, limits);
  const { position, estimatedWaitMs, turn } = place;
  const queued = {
    type: 'queued' as const,
    position,
    ...(estimatedWaitMs !== undefined && { estimated_wait_ms: estimatedWaitMs }),
  };
  await createLog(commands, { tenant, jobId: id, retentionMs }, queued);
  const job = {
    tenant,
    id,
    caller: applicant.caller,
    request_id: caller.requestId,
    messages: request.messages,
    model: request.model ?? settings.chatModel,
    temperature: request.temperature,
    max_tokens: request.max_tokens,
    knowledge: request.knowledge,
  };
  await queue.add(job, turn);
  await claim?.markSubmitted();
  return id;
}

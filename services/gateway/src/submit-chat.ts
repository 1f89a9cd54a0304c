import { v7 as uuidv7 } from 'uuid';
import type { ChatRequest } from '@sluice/shared/contracts/chat';
import { createLog } from '@sluice/shared/event-log/log';
import { isRedisAway, redisUnavailable } from '@sluice/shared/redis/connection';
import type { GatewayDeps } from './context.ts';

/**
 * Accepts a chat: creates its log, then enqueues its job. When this returns, the chat will end in exactly one terminal
 * record.
 *
 * @returns the chat's id
 * @throws {UnavailableError} `redis_unavailable`: nothing was accepted
 */
export async function submitChat(
  deps: Pick<GatewayDeps, 'commands' | 'chats' | 'settings'>,
  caller: { tenant: string; requestId: string },
  request: ChatRequest,
): Promise<string> {
  const id = `chat_${uuidv7()}`;
  const { messages, temperature, max_tokens, knowledge } = request;
  try {
    const position = await deps.chats.waiting();
    const log = { tenant: caller.tenant, jobId: id, retentionMs: deps.settings.retentionMs };
    await createLog(deps.commands, log, { type: 'queued', position });
    await deps.chats.add({
      tenant: caller.tenant,
      id,
      request_id: caller.requestId,
      messages,
      model: request.model ?? deps.settings.chatModel,
      temperature,
      max_tokens,
      knowledge,
    });
    return id;
  } catch (error) {
    throw isRedisAway(error) ? redisUnavailable(error) : error;
  }
}

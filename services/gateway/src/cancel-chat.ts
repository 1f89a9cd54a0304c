import { foldChat } from '@sluice/shared/chat-state';
import type { ChatState } from '@sluice/shared/chat-state';
import { closeLog, readWholeLog } from '@sluice/shared/event-log/log';
import { logNotFound } from '@sluice/shared/event-log/reader';
import type { GatewayDeps } from './context.ts';

/**
 * Cancels a chat, whether it waits or runs: ends its log, which is durable and tells a running worker to close its
 * request to the model, and takes a waiting job out of its queue. One that has ended stays as it is.
 *
 * @returns the chat's id and how it ended
 * @throws {RequestError} 404
 */
export async function cancelChat(
  deps: GatewayDeps,
  tenant: string,
  id: string,
): Promise<Pick<ChatState, 'id' | 'status'>> {
  const { commands } = deps;
  const log = { tenant, jobId: id };
  const isCancelled = await closeLog(commands, log, { type: 'cancelled' });
  if (!isCancelled) {
    const entries = await readWholeLog(commands, log);
    if (entries.length === 0) throw logNotFound(id);
    return { id, status: foldChat(id, entries).status };
  }
  for (const { queue, admission } of Object.values(deps.lanes)) {
    const job = await queue.remove(id);
    if (job) await admission.leave({ tenant, caller: job.caller, id }, 'dropped');
  }
  return { id, status: 'cancelled' };
}

import { Router } from 'express';
import { applyToChat, foldChat } from '@sluice/shared/chat-state';
import { chatRequestSchema } from '@sluice/shared/contracts/chat';
import { readWholeLog } from '@sluice/shared/event-log/log';
import { followLog, logNotFound } from '@sluice/shared/event-log/reader';
import type { GatewayDeps } from '../context.ts';
import { envelope } from '../envelope.ts';
import { renderLog, resumeLog } from '../follow.ts';
import { requestIdOf, tenantOf } from '../middleware/request-context.ts';
import { renderChatAnswer } from '../renderers/json.ts';
import { acceptedFrame, renderChatEntry } from '../renderers/native.ts';
import { clientGone, sendEvents } from '../sse.ts';
import { submitChat } from '../submit-chat.ts';
import { parseInput } from '../validate.ts';

/** `/api/chat`: ask, resume, look. */
export function chatRoutes(deps: GatewayDeps): Router {
  const router = Router();

  router.post('/', async (request, response) => {
    const body = parseInput(chatRequestSchema, request.body);
    const tenant = tenantOf(response);
    const gone = clientGone(response);
    const id = await submitChat(deps, { tenant, requestId: requestIdOf(response) }, body);
    response.set('X-Chat-Id', id);
    if (body.stream) {
      return sendEvents(
        response,
        renderLog(deps, { tenant, jobId: id }, gone, renderChatEntry, acceptedFrame(id)),
      );
    }
    const state = foldChat(id, []);
    for await (const batch of followLog(
      { redis: deps.reads, doorbell: deps.doorbell },
      { tenant, jobId: id },
      { signal: gone },
    )) {
      for (const entry of batch) applyToChat(state, entry);
    }
    if (!gone.aborted) response.json(envelope(renderChatAnswer(state)));
  });

  router.get('/:id/events', async (request, response) => {
    response.set('X-Chat-Id', request.params.id);
    await resumeLog(deps, request, response, renderChatEntry);
  });

  router.get('/:id', async (request, response) => {
    const { id } = request.params;
    const entries = await readWholeLog(deps.commands, { tenant: tenantOf(response), jobId: id });
    if (entries.length === 0) throw logNotFound(id);
    response.json(envelope(foldChat(id, entries)));
  });

  return router;
}

import { Router } from 'express';
import { applyToChat, foldChat } from '@sluice/shared/chat-state';
import { chatRequestSchema } from '@sluice/shared/contracts/chat';
import { UnavailableError } from '@sluice/shared/errors';
import { readWholeLog } from '@sluice/shared/event-log/log';
import { followLog, logNotFound } from '@sluice/shared/event-log/reader';
import { cancelChat } from '../cancel-chat.ts';
import { annotate } from '@sluice/shared/tracing/spans';
import type { GatewayDeps } from '../context.ts';
import { traceDelivery } from '../delivery-span.ts';
import { envelope } from '../envelope.ts';
import { otherTrace, renderLog, resumeLog, streamSignal } from '../follow.ts';
import { endWhenLost } from '../lost-jobs.ts';
import { countDelivered } from '../metrics.ts';
import { requestIdOf, tenantOf } from '../middleware/request-context.ts';
import { renderChatAnswer } from '../renderers/json.ts';
import { acceptedFrame, renderChatEntry } from '../renderers/native.ts';
import { clientGone, sendEvents } from '../sse.ts';
import { submitChat } from '../submit-chat.ts';
import { checkId, parseInput } from '../validate.ts';

/** `/api/chat`: ask, resume, look. */
export function chatRoutes(deps: GatewayDeps): Router {
  const router = Router();
  router.param('id', checkId('chat_'));

  router.post('/', async (request, response) => {
    const askedAt = performance.now();
    const body = parseInput(chatRequestSchema, request.body);
    // The request lives as long as its stream; the conversation in it, up to 2 MB, need not.
    request.body = undefined;
    const tenant = tenantOf(response);
    const caller = {
      tenant,
      requestId: requestIdOf(response),
      address: request.ip ?? '',
      idempotencyKey: request.get('idempotency-key'),
    };
    const id = await submitChat(deps, caller, body);
    response.set('X-Chat-Id', id);
    annotate({ 'sluice.job.id': id });
    if (body.stream) {
      const entries = renderLog(
        deps,
        { tenant, jobId: id },
        streamSignal(deps, response),
        countDelivered(tenant, renderChatEntry, askedAt),
        acceptedFrame(id),
      );
      return sendEvents(response, 'chat', entries);
    }
    const state = foldChat(id, []);
    const gone = clientGone(response);
    const signal = AbortSignal.any([gone, deps.drain.deadline]);
    const jobTrace = await otherTrace(deps, { tenant, jobId: id });
    using delivery = traceDelivery({ tenant, jobId: id, format: 'json', resumed: false, jobTrace });
    for await (const batch of followLog(
      { redis: deps.reads, doorbell: deps.doorbell },
      { tenant, jobId: id },
      { signal, onSilence: endWhenLost(deps, { tenant, jobId: id }) },
    )) {
      delivery.took(batch);
      for (const entry of batch) applyToChat(state, entry);
    }
    if (gone.aborted) return;
    if (state.status === 'queued' || state.status === 'running') throw gatewayDraining(id);
    response.json(envelope(renderChatAnswer(state)));
  });

  router.get('/:id/events', async (request, response) => {
    response.set('X-Chat-Id', request.params.id);
    await resumeLog(deps, request, response, request.params.id, 'chat', renderChatEntry);
  });

  router.get('/:id', async (request, response) => {
    const { id } = request.params;
    const entries = await readWholeLog(deps.commands, { tenant: tenantOf(response), jobId: id });
    if (entries.length === 0) throw logNotFound(id);
    response.json(envelope(foldChat(id, entries)));
  });

  router.post('/:id/cancel', async (request, response) => {
    response.json(envelope(await cancelChat(deps, tenantOf(response), request.params.id)));
  });

  return router;
}

/** The answer goes on without this gateway. */
function gatewayDraining(id: string): UnavailableError {
  const message = `This gateway is shutting down; the answer goes on. Get it from /api/chat/${id}, or repeat the request with the same Idempotency-Key.`;
  return new UnavailableError(503, 'draining', message, { retryAfter: 1, details: { id } });
}

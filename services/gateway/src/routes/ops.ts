import { Router } from 'express';
import type { Request, RequestHandler, Response } from 'express';
import { opsSessionSchema } from '@sluice/shared/contracts/ops';
import { RequestError } from '@sluice/shared/errors';
import { createKeyFinder } from '../api-keys.ts';
import type { GatewayDeps } from '../context.ts';
import { envelope } from '../envelope.ts';
import { DRAIN_RETRY_MS, streamSignal } from '../follow.ts';
import { bearerOf, requireScope, scopesOf } from '../middleware/auth.ts';
import { tenantOf } from '../middleware/request-context.ts';
import { collectSnapshot } from '../ops/collect.ts';
import { createCollector } from '../ops/collector.ts';
import { createTickRenderer, hideNames } from '../ops/render.ts';
import { SESSION_COOKIE, SESSION_PATH } from '../ops-session.ts';
import type { OpsSessions } from '../ops-session.ts';
import { retryHint, sendEvents } from '../sse.ts';
import { deleteNewest, reingest } from '../uploads.ts';
import { checkId } from '../validate.ts';
import { uploaderOf } from './upload.ts';

/** `/api/ops`: what the operations page shows. */
export function opsRoutes(deps: GatewayDeps, sessions: OpsSessions): Router {
  const { settings } = deps;
  const router = Router();
  router.param('id', checkId('doc_'));
  const find = createKeyFinder(settings.keys);
  const collector = createCollector(() => collectSnapshot(deps), deps.logger);
  const render = createTickRenderer();
  const seesNames = (response: Response) => scopesOf(response).has('admin');
  const documentOf = (request: Request<{ id: string }>, response: Response) =>
    deps.documents.get(tenantOf(response), request.params.id);

  router.get('/snapshot', async (_request, response) => {
    const snapshot = await collector.snapshot();
    response.json(envelope(seesNames(response) ? snapshot : hideNames(snapshot)));
  });

  router.get('/events', async (_request, response) => {
    const signal = streamSignal(deps, response);
    const frames = async function* () {
      for await (const tick of collector.watch(signal)) yield render(tick, seesNames(response));
      if (deps.drain.begun.aborted) yield retryHint(DRAIN_RETRY_MS);
    };
    await sendEvents(response, 'ops', frames());
  });

  router.post('/documents/:id/retry', requireScope<{ id: string }>('admin'), async (request, response) => {
    const document = await documentOf(request, response);
    if (document.status !== 'failed')
      throw new RequestError(
        409,
        'not_failed',
        `The document ${document.id} has not failed: it is ${document.status}. There is nothing to try again.`,
      );
    const { id, version, status } = await reingest(deps, uploaderOf(request, response), document);
    response.status(202).json(envelope({ id, version, status }, 202));
  });

  router.delete('/documents/:id', requireScope<{ id: string }>('admin'), async (request, response) => {
    await deleteNewest(deps, tenantOf(response), request.params.id);
    response.json(envelope({ id: request.params.id, deleted: true }));
  });

  router.post('/session', async (request, response) => {
    const key = find(bearerOf(request.get('authorization')) ?? '');
    const opened = key && (await sessions.open(key));
    if (opened)
      response.cookie(SESSION_COOKIE, opened.cookie, {
        path: SESSION_PATH,
        expires: opened.expiresAt,
        httpOnly: true,
        sameSite: 'strict',
        secure: request.secure,
      });
    const session = opsSessionSchema.parse({
      scopes: [...scopesOf(response)],
      expires_at: opened?.expiresAt.toISOString(),
    });
    response.json(envelope(session));
  });

  return router;
}

/** Takes the cookie away; open to all, since whoever has forgotten the key is to be rid of it too. */
export const closeSession: RequestHandler = (_request, response) => {
  response.clearCookie(SESSION_COOKIE, { path: SESSION_PATH }).json(envelope({ closed: true }));
};

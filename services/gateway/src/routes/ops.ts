import { Router } from 'express';
import { opsSessionSchema } from '@sluice/shared/contracts/ops';
import { createKeyFinder } from '../api-keys.ts';
import type { GatewayDeps } from '../context.ts';
import { envelope } from '../envelope.ts';
import { bearerOf, scopesOf } from '../middleware/auth.ts';
import { SESSION_COOKIE, SESSION_PATH } from '../ops-session.ts';
import type { OpsSessions } from '../ops-session.ts';

/** `/api/ops`: what the operations page shows. */
export function opsRoutes({ settings }: Pick<GatewayDeps, 'settings'>, sessions: OpsSessions): Router {
  const router = Router();
  const find = createKeyFinder(settings.keys);

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

  router.delete('/session', (_request, response) => {
    response.clearCookie(SESSION_COOKIE, { path: SESSION_PATH }).json(envelope({ closed: true }));
  });

  return router;
}

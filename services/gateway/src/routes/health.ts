import { Router } from 'express';
import { checkReadiness } from '@sluice/shared/health';
import type { GatewayDeps } from '../context.ts';

/** `/healthz` and `/readyz`, open to all: the platform asks them. */
export function healthRoutes(deps: Pick<GatewayDeps, 'checks'>): Router {
  const router = Router();
  router.get('/healthz', (_request, response) => void response.json({ status: 'ok' }));
  router.get('/readyz', async (_request, response) => {
    const readiness = await checkReadiness(deps.checks);
    response.status(readiness.ready ? 200 : 503).json(readiness);
  });
  return router;
}

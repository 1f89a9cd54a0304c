import { Router } from 'express';
import { registry } from '@sluice/shared/metrics/registry';

/** `/metrics`, in Prometheus's text format. */
export function metricsRoutes(): Router {
  const router = Router();
  router.get('/', async (_request, response) => {
    response.type(registry.contentType).send(await registry.metrics());
  });
  return router;
}

import { Router } from 'express';
import type { RequestParamHandler } from 'express';
import { collectionNameSchema, collectionSettingsSchema } from '@sluice/shared/contracts/knowledge';
import type { GatewayDeps } from '../context.ts';
import { envelope } from '../envelope.ts';
import { tenantOf } from '../middleware/request-context.ts';
import { parseInput } from '../validate.ts';

/** `/api/knowledge/collections`: named groups of documents, with settings of their own. */
export function collectionRoutes({ collections }: Pick<GatewayDeps, 'collections'>): Router {
  const router = Router();
  const checkName: RequestParamHandler = (_request, _response, next, name) => {
    parseInput(collectionNameSchema, name);
    next();
  };
  router.param('name', checkName);

  router.get('/', async (_request, response) => {
    response.json(envelope({ collections: await collections.list(tenantOf(response)) }));
  });

  router.get('/:name', async (request, response) => {
    response.json(envelope(await collections.get(tenantOf(response), request.params.name)));
  });

  router.put('/:name', async (request, response) => {
    const settings = parseInput(collectionSettingsSchema, request.body);
    await collections.put(tenantOf(response), request.params.name, settings);
    response.json(envelope(await collections.get(tenantOf(response), request.params.name)));
  });

  router.delete('/:name', async (request, response) => {
    await collections.delete(tenantOf(response), request.params.name);
    response.json(envelope({ name: request.params.name, deleted: true }));
  });

  return router;
}

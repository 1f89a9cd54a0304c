import { Router } from 'express';
import swaggerUi from 'swagger-ui-express';
import { createOpenApi } from '../openapi.ts';

/** `/openapi.json`, and Swagger UI at `/docs` from files on this machine. */
export function docsRoutes(): Router {
  const router = Router();
  const openapi = createOpenApi();
  router.get('/openapi.json', (_request, response) => void response.json(openapi));
  router.use(
    '/docs',
    swaggerUi.serve,
    swaggerUi.setup(undefined, { swaggerUrl: '/openapi.json', customSiteTitle: 'Sluice API' }),
  );
  return router;
}

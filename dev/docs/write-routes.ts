/** `npm run docs:api`: writes the routes of docs/api.md from the OpenAPI document of the gateway. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createOpenApi } from '../../services/gateway/src/openapi.ts';
import { readPage, ROOT } from './pages.ts';
import { renderRoutes } from './render-routes.ts';

const page = 'docs/api.md';
writeFileSync(join(ROOT, page), renderRoutes(createOpenApi(), readPage(page)));

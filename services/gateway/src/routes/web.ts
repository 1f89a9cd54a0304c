import { existsSync } from 'node:fs';
import { join } from 'node:path';
import express, { Router } from 'express';
import { SluiceError } from '@sluice/shared/errors';

/** Where the built web app is: `web/dist` of the repository, in the image too. */
export const WEB_DIST = join(import.meta.dirname, '../../../../web/dist');

/** The app's own pages (web/src/router.ts). Any other path keeps its JSON 404. */
const PAGES = ['/', '/knowledge', '/ops'];

/**
 * The web app, open to all: what it shows it asks the API for, and that asks for the key. Files under /assets have the
 * hash of their content in their name; the page itself is asked for anew each time, so that a new version shows at once.
 */
export function webRoutes(dist: string): Router {
  const router = Router();
  router.use(
    '/assets',
    express.static(join(dist, 'assets'), { immutable: true, maxAge: '365d', index: false, redirect: false }),
  );
  router.use(express.static(dist, { index: false, redirect: false, maxAge: '1h' }));
  router.get(PAGES, (_request, response, next) => {
    if (!existsSync(join(dist, 'index.html'))) throw notBuilt();
    response.set('Cache-Control', 'no-cache');
    response.sendFile('index.html', { root: dist, cacheControl: false }, (error) => error && next(error));
  });
  return router;
}

function notBuilt(): SluiceError {
  return new SluiceError(
    503,
    'web_app_not_built',
    'The web app has not been built: run "npm run build -w web" in the repository (npm start does it by itself). The API is there: see /docs.',
  );
}

import { Router } from 'express';
import type { Request, RequestHandler, Response } from 'express';
import helmet from 'helmet';
import { createKeyFinder } from '../api-keys.ts';
import type { ApiKey } from '../api-keys.ts';
import type { GatewayDeps } from '../context.ts';
import {
  allowAll,
  bearerOf,
  forbidden,
  requireScope,
  scopesOf,
  setScopes,
  unauthorized,
} from '../middleware/auth.ts';
import { sameOrigin } from '../middleware/same-origin.ts';
import { readSessionCookie } from '../ops-session.ts';
import type { OpsSessions } from '../ops-session.ts';

const READS = ['GET', 'HEAD'];

/** Bull Board at `/ops/queues`: to look at with the scope `ops`, to change things with `admin`. */
export function queueRoutes({ queueBoard, settings }: GatewayDeps, sessions: OpsSessions): Router {
  const router = Router();
  router.use(
    settings.keys.length === 0
      ? [sameOrigin(settings.corsOrigins), allowAll]
      : keyOrCookie(settings.keys, sessions),
  );
  router.use(requireScope('ops'));
  router.use(
    helmet.contentSecurityPolicy({
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        // The board sets style attributes.
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", 'data:'],
        objectSrc: ["'none'"],
        baseUri: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'self'"],
      },
    }),
  );
  router.use((request, response, next) => {
    const mayChange = scopesOf(response).has('admin');
    if (!mayChange && !READS.includes(request.method)) throw forbidden('admin');
    (mayChange ? queueBoard.change : queueBoard.watch)(request, response, next);
  });
  return router;
}

/** Takes a key, or the cookie that a browser got for one; what it sends with the cookie must come from a page of ours. */
function keyOrCookie(keys: readonly ApiKey[], sessions: OpsSessions): RequestHandler {
  const findKey = createKeyFinder(keys);
  const ownPagesOnly = sameOrigin([]);
  const identify = async (request: Request, response: Response) => {
    const bearer = bearerOf(request.get('authorization'));
    const cookie = bearer === undefined ? readSessionCookie(request.get('cookie')) : undefined;
    const found =
      bearer === undefined ? cookie !== undefined && (await sessions.find(cookie)) : findKey(bearer);
    if (!found)
      throw unauthorized(
        response,
        'Open /ops and give a key there, or send one in the header "Authorization: Bearer <key>".',
      );
    setScopes(response, found.scopes);
    return cookie !== undefined;
  };
  return async (request, response, next) => {
    if (await identify(request, response)) ownPagesOnly(request, response, next);
    else next();
  };
}

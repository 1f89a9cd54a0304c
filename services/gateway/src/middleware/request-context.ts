import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { Request, RequestHandler, Response } from 'express';
import { withWorkContext } from '@sluice/shared/logger';
import type { Logger } from '@sluice/shared/logger';
import { DEFAULT_TENANT } from '@sluice/shared/redis/keys';
import { requestSeconds } from '../metrics.ts';

/** What the platform asks again and again. */
const PROBES = new Set(['/healthz', '/readyz', '/metrics']);
const ACCEPTED_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** The id that ties together what every service logs about a request. */
export function requestIdOf(response: Response): string {
  return response.locals['requestId'] as string;
}

/** The tenant that a request acts for. */
export function tenantOf(response: Response): string {
  return response.locals['tenant'] as string;
}

/**
 * Gives each request an id (the client's own `X-Request-Id` where it is well-formed), returns it as a header, puts it
 * into every log line, and logs one line when the response has ended.
 */
export function requestContext(logger: Logger): RequestHandler {
  return (request, response, next) => {
    const given = request.get('x-request-id');
    const requestId = given !== undefined && ACCEPTED_ID.test(given) ? given : randomUUID();
    response.locals['requestId'] = requestId;
    response.locals['tenant'] = DEFAULT_TENANT;
    response.set('X-Request-Id', requestId);
    withWorkContext({ request_id: requestId, tenant: DEFAULT_TENANT }, () => {
      const begun = performance.now();
      const { method } = request;
      const path = request.originalUrl.split('?', 1)[0];
      const logRequest = () => {
        const facts = {
          method,
          path,
          status: response.statusCode,
          ms: Math.round(performance.now() - begun),
          ...(!response.writableFinished && { disconnected: true }),
        };
        measure(request, response, performance.now() - begun);
        if (PROBES.has(path ?? '')) logger.debug(facts, 'request');
        else logger.info(facts, 'request');
      };
      // What emits the event is the connection, which knows nothing of the request.
      response.once('close', AsyncLocalStorage.bind(logRequest));
      next();
    });
  };
}

function measure(request: Request, response: Response, ms: number): void {
  if (String(response.getHeader('content-type')).startsWith('text/event-stream')) return;
  requestSeconds.observe(
    {
      http_request_method: request.method,
      http_route: routeOf(request),
      http_response_status_code: response.statusCode,
    },
    ms / 1_000,
  );
}

/**
 * The pattern of the route that took a request, such as `/api/chat/:id`; `unmatched` where none did, so that paths which
 * clients make up are no labels. The router that a route is of says only its own part; the rest is the beginning of the
 * path, which has no parameters.
 */
function routeOf(request: Request): string {
  const route: unknown = (request.route as { path?: unknown } | undefined)?.path;
  if (typeof route !== 'string') return 'unmatched';
  const own = route === '/' ? [] : route.slice(1).split('/');
  const path = (request.originalUrl.split('?', 1)[0] ?? '').replace(/\/$/, '').split('/');
  return [...path.slice(0, path.length - own.length), ...own].join('/') || '/';
}

import type { RequestHandler } from 'express';
import { RequestError } from '@sluice/shared/errors';

/**
 * Refuses what pages of foreign origins send: without a key, being on this machine is all it takes to call the gateway,
 * and the browser of whoever works on it is. Programs send no `Origin`.
 */
export function sameOrigin(allowed: readonly string[]): RequestHandler {
  return (request, _response, next) => {
    const origin = request.get('origin');
    if (origin === undefined || allowed.includes('*') || allowed.includes(origin)) return next();
    if (URL.canParse(origin) && new URL(origin).host === request.get('host')) return next();
    throw new RequestError(
      403,
      'origin_not_allowed',
      `Pages of ${origin} may not call this gateway. Add the origin to CORS_ORIGINS, or set SLUICE_API_KEY.`,
    );
  };
}

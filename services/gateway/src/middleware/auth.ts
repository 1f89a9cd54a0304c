import { createHash, timingSafeEqual } from 'node:crypto';
import type { RequestHandler } from 'express';
import { RequestError } from '@sluice/shared/errors';

const digest = (value: string) => createHash('sha256').update(value).digest();

/** Asks for `Authorization: Bearer <key>`. Digests make the comparison's time say nothing. */
export function bearerAuth(apiKey: string): RequestHandler {
  const expected = digest(apiKey);
  return (request, response, next) => {
    const given = /^Bearer +(\S+)$/i.exec(request.get('authorization') ?? '')?.[1];
    if (given !== undefined && timingSafeEqual(digest(given), expected)) return next();
    response.set('WWW-Authenticate', 'Bearer');
    throw new RequestError(
      401,
      'unauthorized',
      'Send the API key in the header "Authorization: Bearer <key>".',
    );
  };
}

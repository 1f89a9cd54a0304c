import type { Request, RequestHandler, Response } from 'express';
import type { Scope } from '@sluice/shared/contracts/ops';
import { RequestError } from '@sluice/shared/errors';
import { ALL_SCOPES, createKeyFinder } from '../api-keys.ts';
import type { ApiKey } from '../api-keys.ts';

/** What the caller may do. */
export function scopesOf(response: Response): ReadonlySet<Scope> {
  return response.locals['scopes'] as ReadonlySet<Scope>;
}

/** Notes what the caller may do, for {@link requireScope}. */
export function setScopes(response: Response, scopes: ReadonlySet<Scope>): void {
  response.locals['scopes'] = scopes;
}

/** The key of `Authorization: Bearer <key>`. */
export function bearerOf(authorization: string | undefined): string | undefined {
  return /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
}

/** Where no key is asked for, everybody may do everything. */
export const allowAll: RequestHandler = (_request, response, next) => {
  setScopes(response, ALL_SCOPES);
  next();
};

/** Asks for `Authorization: Bearer <key>`. */
export function bearerAuth(keys: readonly ApiKey[]): RequestHandler {
  const find = createKeyFinder(keys);
  return (request, response, next) => {
    const found = find(bearerOf(request.get('authorization')) ?? '');
    if (!found) throw unauthorized(response, 'Send the API key in the header "Authorization: Bearer <key>".');
    setScopes(response, found.scopes);
    next();
  };
}

/** The error of a caller without a key; the response says how one is sent. */
export function unauthorized(response: Response, message: string): RequestError {
  response.set('WWW-Authenticate', 'Bearer');
  return new RequestError(401, 'unauthorized', message);
}

/** Refuses callers whose key is not for this. Comes after whatever finds out who calls. */
export function requireScope<P = Request['params']>(scope: Scope): RequestHandler<P> {
  return (_request, response, next) => {
    if (scopesOf(response).has(scope)) return next();
    throw forbidden(scope);
  };
}

/** The error of a caller whose key lacks a scope. */
export function forbidden(scope: Scope): RequestError {
  return new RequestError(
    403,
    'forbidden',
    `The key lacks the scope "${scope}". Send one that has it, or have it added to this one in SLUICE_SCOPED_KEYS.`,
    { details: { scope } },
  );
}

import type { RequestParamHandler } from 'express';
import type { z } from 'zod';
import { RequestError } from '@sluice/shared/errors';
import { jobIdSchema } from '@sluice/shared/redis/keys';

/**
 * Parses what a client sent.
 *
 * @param value a request's body or query
 * @throws {RequestError} 400 `invalid_request`, naming every field at fault
 */
export function parseInput<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  if (value === undefined) {
    throw new RequestError(
      400,
      'invalid_request',
      'Send a JSON body with the header "Content-Type: application/json".',
    );
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const details = parsed.error.issues.map((issue) => ({
    field: issue.path.join('.'),
    problem: issue.message,
  }));
  const sentence = details
    .map(({ field, problem }) => (field === '' ? problem : `${field}: ${problem}`))
    .join('; ');
  throw new RequestError(400, 'invalid_request', `The request is not valid. ${sentence}`, { details });
}

/** Checks the id in a path: ids of another kind, or of no kind, name nothing. */
export function checkId(prefix: 'chat_' | 'doc_' | 'batch_'): RequestParamHandler {
  return (_request, _response, next, id: string) => {
    if (id.startsWith(prefix) && jobIdSchema.safeParse(id).success) return next();
    throw new RequestError(
      404,
      'not_found',
      `There is nothing with this id; it should begin with ${prefix}.`,
    );
  };
}

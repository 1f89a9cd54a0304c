import type { z } from 'zod';
import { RequestError } from '@sluice/shared/errors';

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

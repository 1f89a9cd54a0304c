import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import { MulterError } from 'multer';
import { RequestError, SluiceError } from '@sluice/shared/errors';
import { noteError } from '@sluice/shared/ops/recent-errors';
import { isRedisAway, redisUnavailable } from '@sluice/shared/redis/connection';
import type { GatewayDeps } from '../context.ts';
import { JobFailedError } from '../renderers/json.ts';
import { requestIdOf, tenantOf } from './request-context.ts';
import { traceIdOf } from './trace-request.ts';

/** The answer to a path or method that no route has. */
export const unknownRoute: RequestHandler = (request) => {
  throw new RequestError(
    404,
    'unknown_route',
    `There is no ${request.method} ${request.path}. See /docs for what there is.`,
  );
};

/** The one place where errors become HTTP: status, stable code and sentence in the envelope, never a stack. */
export function errorHandler({
  logger,
  commands,
}: Pick<GatewayDeps, 'logger' | 'commands'>): ErrorRequestHandler {
  return (thrown: unknown, _request, response, _next) => {
    const error = toSluiceError(thrown);
    if (error.status >= 500) {
      logger.error({ err: thrown, code: error.code }, 'request failed');
      if (!(error instanceof JobFailedError)) note(commands, error, response);
    } else logger.info({ code: error.code, reason: error.message }, 'request refused');
    response.locals['failure'] = error;
    if (response.headersSent) return void response.destroy();
    if (error.retryAfter !== undefined) response.set('Retry-After', String(error.retryAfter));
    const traceId = traceIdOf(response);
    response.status(error.status).json({
      code: error.status,
      data: null,
      message: error.message,
      error: {
        code: error.code,
        request_id: requestIdOf(response),
        ...(traceId !== undefined && { trace_id: traceId }),
        ...(error.details !== undefined && { details: error.details }),
      },
    });
  };
}

/** For the operations page. */
function note(redis: GatewayDeps['commands'], { code, message }: SluiceError, response: Response): void {
  const [tenant, request_id] = [tenantOf(response), requestIdOf(response)];
  noteError(redis, { source: 'request', code, message, tenant, request_id });
}

function toSluiceError(error: unknown): SluiceError {
  if (error instanceof SluiceError) return error;
  if (isRedisAway(error)) return redisUnavailable(error);
  if (error instanceof MulterError) return fromMulter(error);
  return (
    fromBodyParser(error) ??
    new SluiceError(500, 'internal_error', 'Something went wrong. The request id helps to find out what.', {
      cause: error,
    })
  );
}

/** Errors of `express.json()` carry a `type` (body-parser's README lists them) and the status to answer. */
function fromBodyParser(error: unknown): RequestError | undefined {
  const { type, status } = (error ?? {}) as { type?: unknown; status?: unknown };
  if (typeof status !== 'number' || status < 400 || status > 499) return undefined;
  switch (type) {
    case 'entity.parse.failed':
      return new RequestError(400, 'invalid_json', 'The body is not valid JSON.');
    case 'entity.too.large':
      return new RequestError(413, 'body_too_large', 'The body is too large.');
    case 'charset.unsupported':
    case 'encoding.unsupported':
      return new RequestError(
        415,
        'unsupported_encoding',
        'The body has an encoding that is not supported; send UTF-8.',
      );
    default:
      return new RequestError(status, 'bad_request', 'The request could not be read.');
  }
}

function fromMulter(error: MulterError): RequestError {
  switch (error.code) {
    case 'LIMIT_FILE_COUNT':
    case 'LIMIT_PART_COUNT':
      return new RequestError(
        413,
        'too_many_files',
        'There are too many files in one request; send them in several.',
      );
    case 'LIMIT_UNEXPECTED_FILE':
      return new RequestError(
        400,
        'unexpected_field',
        `Send files in the form field "file", not "${error.field ?? ''}".`,
      );
    case 'LIMIT_FIELD_VALUE':
      return new RequestError(
        413,
        'field_too_large',
        `The form field "${error.field ?? ''}" has more than 64 KiB. Send less in it.`,
      );
    default:
      return new RequestError(400, 'invalid_form', 'The form could not be read.');
  }
}

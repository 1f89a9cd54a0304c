/** A request that is refused, with what OpenAI's error object says about it. */
export class ApiError extends Error {
  readonly status: number;
  readonly param: string | null;
  readonly code: string | null;

  constructor(status: number, message: string, { param = null, code = null }: ApiErrorOptions = {}) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.param = param;
    this.code = code;
  }
}

interface ApiErrorOptions {
  /** The field at fault, such as `messages[0].role`. */
  param?: string | null;
  code?: string | null;
}

/** The status and body that report an error the way OpenAI does; anything unexpected becomes a 500 without details. */
export function describeError(error: unknown): { status: number; body: object } {
  if (!(error instanceof ApiError)) {
    const message = 'The server had an error while processing your request.';
    return { status: 500, body: { error: { message, type: 'server_error', param: null, code: null } } };
  }
  const { status, message, param, code } = error;
  return { status, body: { error: { message, type: 'invalid_request_error', param, code } } };
}

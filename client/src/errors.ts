/** What a {@link SluiceApiError} is made of. */
export interface SluiceApiErrorFields {
  status?: number | undefined;
  code: string;
  message: string;
  requestId?: string | undefined;
  traceId?: string | undefined;
  retryAfter?: number | undefined;
  details?: unknown;
  cause?: unknown;
}

/** The server's answer is an error, or a chat or document ended in one. */
export class SluiceApiError extends Error {
  /** HTTP status; undefined when the failure came as an event inside a stream. */
  readonly status: number | undefined;
  /** Stable snake_case code, such as `not_found`; `http_error` when something before Sluice answered. */
  readonly code: string;
  /** What the server's logs have the request under. */
  readonly requestId: string | undefined;
  /** The request's trace, where the server makes traces. */
  readonly traceId: string | undefined;
  /** Seconds after which the server asks to try again. */
  readonly retryAfter: number | undefined;
  /** Facts for a program, such as the fields that are not valid. */
  readonly details: unknown;

  constructor(fields: SluiceApiErrorFields) {
    super(fields.message, { cause: fields.cause });
    this.name = 'SluiceApiError';
    this.status = fields.status;
    this.code = fields.code;
    this.requestId = fields.requestId;
    this.traceId = fields.traceId;
    this.retryAfter = fields.retryAfter;
    this.details = fields.details;
  }
}

/** The server could not be reached, or the connection to it broke or fell silent. `cause` is the failure beneath. */
export class SluiceConnectionError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'SluiceConnectionError';
  }
}

/** Whether the same request may well succeed later. */
export function isTransient(error: unknown): error is SluiceApiError | SluiceConnectionError {
  if (error instanceof SluiceConnectionError) return true;
  if (!(error instanceof SluiceApiError)) return false;
  if (error.status === 429) return error.retryAfter !== undefined;
  return error.status === 502 || error.status === 503 || error.status === 504;
}

/** The error that a response with a status of 400 or more stands for. */
export function toApiError(response: Response, body: string): SluiceApiError {
  const { status, statusText, headers } = response;
  const envelope = parseErrorEnvelope(body);
  return new SluiceApiError({
    status,
    code: envelope?.error.code ?? 'http_error',
    message: envelope?.message ?? `The server answered ${`${status} ${statusText}`.trim()}.`,
    requestId: envelope?.error.request_id ?? headers.get('x-request-id') ?? undefined,
    traceId: envelope?.error.trace_id,
    retryAfter: parseRetryAfter(headers.get('retry-after')),
    details: envelope?.error.details,
  });
}

interface ErrorEnvelope {
  message: string;
  error: { code: string; request_id?: string; trace_id?: string; details?: unknown };
}

function parseErrorEnvelope(body: string): ErrorEnvelope | undefined {
  try {
    const parsed = JSON.parse(body) as Partial<ErrorEnvelope> | null;
    const isEnvelope = typeof parsed?.message === 'string' && typeof parsed.error?.code === 'string';
    return isEnvelope ? (parsed as ErrorEnvelope) : undefined;
  } catch {
    return undefined;
  }
}

/** `Retry-After` in seconds from now; RFC 9110 has it as seconds or as a date. */
function parseRetryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1_000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}

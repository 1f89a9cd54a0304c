/**
 * What a SluiceError carries beyond its message.
 */
export interface SluiceErrorOptions {
  /** Machine-readable facts for the client, such as the fields that failed validation. */
  details?: unknown;
  /** Seconds after which a retry makes sense; becomes the `Retry-After` header. */
  retryAfter?: number;
  cause?: unknown;
}

/**
 * The root of every error whose message is meant for a client. Anything else that is thrown reaches a client
 * as `internal_error` without its message.
 */
export class SluiceError extends Error {
  /** Stable snake_case code. */
  readonly code: string;
  /** HTTP status this error maps to. */
  readonly status: number;
  readonly details: unknown;
  readonly retryAfter: number | undefined;

  constructor(status: number, code: string, message: string, options: SluiceErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.name = new.target.name;
    this.status = status;
    this.code = code;
    this.details = options.details;
    this.retryAfter = options.retryAfter;
  }
}

/** The request itself is at fault (4xx); sending it again unchanged fails again. */
export class RequestError extends SluiceError {}

/** Something Sluice depends on is away (5xx); the same request may succeed later. */
export class UnavailableError extends SluiceError {}

/** What can be wrong with a document, with the HTTP status used when it is found at upload. */
export const DOCUMENT_ERROR_STATUS = {
  unsupported_type: 415,
  type_mismatch: 415,
  too_large: 413,
  empty: 422,
  encrypted: 422,
  no_text: 422,
  corrupt: 422,
  too_large_uncompressed: 422,
  resource_limit: 422,
} as const;

/** Stable codes of permanent document faults. */
export type DocumentErrorCode = keyof typeof DOCUMENT_ERROR_STATUS;

/** The document is at fault; ingesting the same bytes again fails again, so no retry. */
export class DocumentError extends SluiceError {
  declare readonly code: DocumentErrorCode;

  constructor(code: DocumentErrorCode, message: string, options: SluiceErrorOptions = {}) {
    super(DOCUMENT_ERROR_STATUS[code], code, message, options);
  }
}

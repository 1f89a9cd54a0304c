import type { ChatState } from '@sluice/shared/chat-state';
import { SluiceError } from '@sluice/shared/errors';

/** HTTP status of a failure that a worker wrote into a log, where it is not 500. */
const FAILURE_STATUS: Record<string, number> = {
  model_unavailable: 502,
  model_timeout: 504,
  model_rate_limited: 503,
  model_auth_failed: 502,
  model_rejected_request: 502,
  vector_store_unavailable: 503,
  worker_lost: 503,
  no_worker: 503,
  cancelled: 409,
};

const CANCELLED: NonNullable<ChatState['error']> = {
  code: 'cancelled',
  message: 'The answer was cancelled.',
};

/** The answer of a finished chat as JSON. */
export interface ChatAnswer {
  id: string;
  content: string;
  finish_reason: string;
  usage?: ChatState['usage'];
  sources?: ChatState['sources'];
}

/**
 * Renders the final state of a chat.
 *
 * @throws {SluiceError} when the chat failed or was cancelled
 */
export function renderChatAnswer(state: ChatState): ChatAnswer {
  if (state.status === 'done') {
    const { id, content, finish_reason = 'stop', usage, sources } = state;
    return { id, content, finish_reason, ...(usage && { usage }), ...(sources && { sources }) };
  }
  const { code, message, retry_after } = state.error ?? CANCELLED;
  throw failureError(code, message, retry_after);
}

/** A request that fails because its job has: whoever ended the job's log has noted it. */
export class JobFailedError extends SluiceError {}

/** The error of a job that failed with `code`. */
export function failureError(code: string, message: string, retryAfter?: number): JobFailedError {
  const options = retryAfter === undefined ? {} : { retryAfter };
  return new JobFailedError(FAILURE_STATUS[code] ?? 500, code, message, options);
}

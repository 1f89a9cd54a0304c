import { APIConnectionError, APIError } from 'openai';
import { SluiceError, UnavailableError } from '../errors.ts';
import { recordFailure } from './failure-record.ts';
import type { FailureRecord } from './failure-record.ts';
import { parseRetryAfter } from './retry-after.ts';
import { PhaseTimeout } from './watchdog.ts';

/** What a failure means for what is done next. */
interface Consequences {
  /** The same model may answer the same request soon. */
  again: boolean;
  /** Another model may answer it. */
  elsewhere: boolean;
  /** The provider is at fault, not the request, the account or its limits. */
  providerFault: boolean;
}

/** One failed request to a model: what the caller is told, what the log is told, what is to be done. */
export class ModelFailure extends Error implements Consequences {
  readonly again: boolean;
  readonly elsewhere: boolean;
  readonly providerFault: boolean;
  /** What the caller gets: no word of the provider's in it, and none but redacted ones in its cause. */
  readonly shown: SluiceError;
  readonly record: FailureRecord;
  /** Milliseconds that the provider asks to wait. */
  readonly retryAfterMs: number | undefined;

  constructor(shown: SluiceError, record: FailureRecord, consequences: Consequences, retryAfterMs?: number) {
    super(shown.message, { cause: shown });
    this.again = consequences.again;
    this.elsewhere = consequences.elsewhere;
    this.providerFault = consequences.providerFault;
    this.shown = shown;
    this.record = record;
    this.retryAfterMs = retryAfterMs;
  }
}

const PASSING: Consequences = { again: true, elsewhere: true, providerFault: true };
/** Asking again after such a long silence costs as long again, and the prompt a second time. */
const TOO_SLOW: Consequences = { again: false, elsewhere: true, providerFault: true };
const LIMITED: Consequences = { again: true, elsewhere: true, providerFault: false };
const REFUSED_HERE: Consequences = { again: false, elsewhere: true, providerFault: false };
const REFUSED_EVERYWHERE: Consequences = { again: false, elsewhere: false, providerFault: false };

/** Where a request failed: before the first token, after it, or it was for embeddings. */
export type FailureStage = 'start' | 'answer' | 'embedding';

/** What the sentences of a stage call things. */
const WORDS = {
  chat: { model: 'The model', url: 'OPENAI_BASE_URL', key: 'OPENAI_API_KEY' },
  embedding: {
    model: 'The embedding model',
    url: 'EMBEDDING_BASE_URL, or OPENAI_BASE_URL without it,',
    key: 'EMBEDDING_API_KEY with EMBEDDING_BASE_URL, OPENAI_API_KEY without',
  },
};

/**
 * Says what an error of the SDK, or a `PhaseTimeout`, means.
 *
 * @param secrets what must not reach a log, though providers quote it: API keys
 */
export function describeFailure(
  error: unknown,
  stage: FailureStage,
  secrets: readonly string[],
): ModelFailure {
  const record = recordFailure(error, secrets);
  const cause = new Error(record.provider_message);
  const words = stage === 'embedding' ? WORDS.embedding : WORDS.chat;
  const fail = (status: number, code: string, sentence: string, consequences: Consequences) =>
    new ModelFailure(
      new UnavailableError(status, code, `${words.model} ${sentence}`, { cause }),
      record,
      consequences,
    );
  if (error instanceof PhaseTimeout) return fail(504, 'model_timeout', timeoutSentence(error), TOO_SLOW);
  if (isConnectTimeout(error)) {
    const sentence = 'accepted no connection in time (MODEL_CONNECT_TIMEOUT_MS).';
    return fail(504, 'model_timeout', sentence, PASSING);
  }
  if (stage === 'answer') return fail(502, 'model_unavailable', 'broke off its answer.', PASSING);
  if (error instanceof APIError && record.status !== undefined) {
    return describeStatus(error, record.status, words, record, cause);
  }
  const sentence =
    error instanceof APIConnectionError
      ? `cannot be reached. Check that it runs and that ${words.url} is right.`
      : `gave no usable answer. Check that ${words.url} is right.`;
  return fail(502, 'model_unavailable', sentence, PASSING);
}

function describeStatus(
  error: APIError,
  status: number,
  words: (typeof WORDS)['chat'],
  record: FailureRecord,
  cause: Error,
): ModelFailure {
  const retryAfterMs = parseRetryAfter(error.headers);
  const options = {
    cause,
    ...(retryAfterMs !== undefined && { retryAfter: Math.ceil(retryAfterMs / 1_000) }),
  };
  // OpenAI says 429 to an account without quota, DeepSeek 402 to one without balance: waiting does not help.
  if (status === 402 || error.code === 'insufficient_quota') {
    const sentence = `${words.model} cannot be used: the provider's account has no quota or balance left.`;
    const shown = new UnavailableError(503, 'model_rate_limited', sentence, { cause });
    return new ModelFailure(shown, record, REFUSED_HERE);
  }
  if (status === 429) {
    const sentence = `${words.model} has reached its rate limit. Try again later.`;
    const shown = new UnavailableError(503, 'model_rate_limited', sentence, options);
    return new ModelFailure(shown, record, obey(error, LIMITED), retryAfterMs);
  }
  if (status >= 500 || status === 408 || status === 409) {
    const sentence = `${words.model} failed (HTTP ${status}).`;
    const shown = new UnavailableError(502, 'model_unavailable', sentence, options);
    return new ModelFailure(shown, record, obey(error, PASSING), retryAfterMs);
  }
  if (status === 401 || status === 403) {
    const sentence = `${words.model} refused the API key. Check ${words.key}.`;
    const shown = new SluiceError(502, 'model_auth_failed', sentence, { cause });
    return new ModelFailure(shown, record, REFUSED_HERE);
  }
  if (isUnknownModel(error, status)) {
    const sentence = `${words.model} is not known to its provider. Check its name, and that ${words.url} is right.`;
    const shown = new SluiceError(502, 'model_rejected_request', sentence, { cause });
    return new ModelFailure(shown, record, REFUSED_HERE);
  }
  const sentence = `${words.model} rejected the request (HTTP ${status}); a parameter or the length of the text may be wrong.`;
  const shown = new SluiceError(502, 'model_rejected_request', sentence, { cause });
  return new ModelFailure(shown, record, REFUSED_EVERYWHERE);
}

/** OpenAI's API says in `x-should-retry` when asking again cannot help; the SDK, whose retries we replace, obeys. */
function obey(error: APIError, consequences: Consequences): Consequences {
  return error.headers?.get('x-should-retry') === 'false' ? { ...consequences, again: false } : consequences;
}

/** OpenAI, vLLM and Ollama say 404; DeepSeek says 400 "Model Not Exist" with no code of its own (langbot#1643). */
function isUnknownModel(error: APIError, status: number): boolean {
  return status === 404 || error.code === 'model_not_found' || /\bmodel not exist/i.test(error.message);
}

/** undici's own time-out, or the kernel's; a read may time out in the kernel too. */
function isConnectTimeout(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code, syscall } = cause as NodeJS.ErrnoException;
    if (code === 'UND_ERR_CONNECT_TIMEOUT' || (code === 'ETIMEDOUT' && syscall !== 'read')) return true;
  }
  return false;
}

function timeoutSentence({ phase, afterMs }: PhaseTimeout): string {
  const time = `${afterMs / 1_000} s`;
  switch (phase) {
    case 'first_token':
      return `gave no first token within ${time} (MODEL_FIRST_TOKEN_TIMEOUT_MS).`;
    case 'token':
      return `stopped in the middle of its answer: no token came for ${time} (MODEL_TOKEN_TIMEOUT_MS).`;
    case 'embedding':
      return `did not answer within ${time} (MODEL_FIRST_TOKEN_TIMEOUT_MS).`;
  }
}

import { APIError } from 'openai';

/** Characters of a provider's message that are kept. */
const MESSAGE_LENGTH = 500;
const SHORTEST_SECRET = 4;

/** What the log says of a failure; free of keys. */
export interface FailureRecord {
  status?: number | undefined;
  provider_request_id?: string | undefined;
  provider_message: string;
}

/**
 * Says what a provider, or the system, says of a failure: the status also of an error that came after the headers, the
 * messages of all causes.
 *
 * @param secrets what is taken out
 */
export function recordFailure(error: unknown, secrets: readonly string[]): FailureRecord {
  const provider_message = redact(messageOf(error), secrets).slice(0, MESSAGE_LENGTH);
  if (!(error instanceof APIError)) return { provider_message };
  return {
    status: error.status ?? streamedStatus(error),
    provider_request_id: error.requestID ?? undefined,
    provider_message,
  };
}

/** vLLM and OpenRouter report failures after the headers as `data: {"error": {"code": 429, …}}`. */
function streamedStatus(error: APIError): number | undefined {
  const code = Number(error.code);
  return code >= 400 && code <= 599 ? code : undefined;
}

/** The SDK says "Connection error.", undici "fetch failed"; what happened is in their causes. */
function messageOf(error: unknown): string {
  const messages: string[] = [];
  for (let cause = error; cause instanceof Error; cause = cause.cause) messages.push(cause.message);
  return messages.join(': ');
}

/** OpenAI quotes a wrong key, masked; others quote it whole, and fetch quotes a URL with its password. */
function redact(text: string, secrets: readonly string[]): string {
  return secrets
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), text)
    .replace(/\b(sk-|Bearer )[\w*.~+/=-]{4,}/gi, '[redacted]')
    .replace(/\/\/[^/@\s]+@/g, '//[redacted]@');
}

/** How the mock model answers; it is told in the prompt, so that every server on the way just passes it on. */
export interface AnswerPlan {
  tokens: number;
  /** Tokens a second of one stream; 0 is as fast as the reader takes them. */
  rate: number;
  /** Whether each token carries the time at which the model sent it. */
  isStamped?: boolean;
  /** Whether the answer goes on, without a word, until its reader leaves. */
  isEndless?: boolean;
}

/** What every token begins with, and no frame has elsewhere: counting it counts tokens. */
export const TOKEN_MARK = '~';
/** Digits of a stamp: microseconds of the system's monotonic clock, good for 115 days of uptime. */
export const STAMP_DIGITS = 13;

const PLAIN_TOKEN = `${TOKEN_MARK}word`;

/** A token without a stamp: as long as an average one. */
export function plainToken(): string {
  return PLAIN_TOKEN;
}

/** A token that carries the time of its sending. */
export function stampToken(): string {
  return TOKEN_MARK + String(microseconds()).padStart(STAMP_DIGITS, '0');
}

/** The clock that all processes of one machine share, in microseconds. */
export function microseconds(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e6 + Math.trunc(nanoseconds / 1e3);
}

/** The body of `POST /api/chat` that asks for such an answer. */
export function encodeRequest(plan: AnswerPlan): string {
  return JSON.stringify({
    messages: [{ role: 'user', content: JSON.stringify(plan) }],
    max_tokens: 4096,
    stream: true,
  });
}

/** Finds the plan in the body of a request, of ours or of OpenAI's form. */
export function decodeRequest(body: string): AnswerPlan {
  const { messages } = JSON.parse(body) as { messages: { content: string }[] };
  return JSON.parse(messages.at(-1)?.content ?? '{}') as AnswerPlan;
}

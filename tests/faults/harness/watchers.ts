import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient, SluiceApiError } from '../../../client/src/index.ts';
import type { ChatStream } from '../../../client/src/index.ts';
import { writeQuestion } from '../../helpers/fault-model.ts';
import type { FaultQuestion } from '../../helpers/fault-model.ts';
import { postJson, readEvents } from '../../helpers/api.ts';
import type { Random } from './random.ts';
import { fromClient, fromFrame, isEnd } from './seen.ts';
import type { Seen } from './seen.ts';

/** What one client got of one chat. */
export interface Observation {
  /** Which client, such as `package` or `raw 2`. */
  watcher: string;
  chatId: string | undefined;
  seen: Seen[];
  /** How it ended: `done`, `cancelled`, `failed <code>`, `http <status> <code>`, or `hung`. */
  end: string;
  connections: number;
}

/** A chat and those who watch it. */
export interface Watched {
  question: FaultQuestion;
  /** Each filled as it goes. */
  observations: Observation[];
  /** The chat's id, once any of them knows it. */
  id: () => string | undefined;
  ended: Promise<unknown>;
}

/** Who watches a chat, and how. */
export interface WatchOptions {
  url: string;
  random: Random;
  /** Clients of the package; 1 unless given. */
  clients?: number;
  /** Clients that read by themselves; 1 unless given. */
  raw?: number;
  /** Times that each of the latter leaves and comes back. */
  leaves?: number;
  /** The longest that each of the latter leaves its socket unread before it goes on; 0, never, unless given. */
  pauseMs?: number;
  /** Of every watcher; one that has no end by then hangs. */
  deadlineMs: number;
}

/** Asks a question, the same from every watcher, under one key: they all must get the same chat. */
export function watch(question: FaultQuestion, options: WatchOptions): Watched {
  const { clients = 1, raw = 1 } = options;
  const key = randomUUID();
  const observations: Observation[] = [];
  const begin = (watcher: string) => {
    const observation = { watcher, chatId: undefined, seen: [], end: 'hung', connections: 0 };
    observations.push(observation);
    return observation;
  };
  const running = [
    ...Array.from({ length: clients }, (_, n) =>
      watchByPackage(begin(`package ${n}`), question, key, options),
    ),
    ...Array.from({ length: raw }, (_, n) => watchRaw(begin(`raw ${n}`), question, key, options)),
  ];
  return {
    question,
    observations,
    id: () => observations.find(({ chatId }) => chatId !== undefined)?.chatId,
    ended: Promise.all(running),
  };
}

async function watchByPackage(
  observation: Observation,
  question: FaultQuestion,
  key: string,
  { url, deadlineMs }: WatchOptions,
): Promise<void> {
  const signal = AbortSignal.timeout(deadlineMs);
  const { chat } = createClient({
    baseUrl: url,
    retry: { minDelayMs: 50, maxDelayMs: 1_000, maxAttempts: 1_000 },
    fetch: (input, init) => {
      observation.connections += 1;
      return fetch(input, init);
    },
  });
  const stream: ChatStream = chat.stream(ask(question), { idempotencyKey: key, signal });
  stream.id.catch(() => {});
  try {
    for await (const event of stream) {
      if (event.type === 'accepted') observation.chatId = event.id;
      const seen = fromClient(event, performance.now());
      if (seen) observation.seen.push(seen);
      if (seen && isEnd(seen)) observation.end = seen.type;
    }
  } catch (error) {
    if (signal.aborted) return;
    observation.end =
      error instanceof SluiceApiError
        ? `${error.status === undefined ? 'failed' : `http ${error.status}`} ${error.code}`
        : String(error);
  }
}

async function watchRaw(
  observation: Observation,
  question: FaultQuestion,
  key: string,
  options: WatchOptions,
): Promise<void> {
  const { url, random, leaves = 0, pauseMs = 0 } = options;
  const deadline = performance.now() + options.deadlineMs;
  let left = 0;
  while (observation.end === 'hung' && performance.now() < deadline) {
    const leaveAfter = left < leaves ? random.int(0, Math.ceil((2 * question.pieces) / leaves)) : Infinity;
    const connection = new AbortController();
    const timer = setTimeout(() => connection.abort(), Math.max(0, deadline - performance.now()));
    try {
      observation.connections += 1;
      const response = await requestEvents(url, question, key, observation, connection.signal);
      await readSome(response, observation, leaveAfter, () =>
        random.chance(0.05) ? random.int(0, pauseMs) : 0,
      );
      if (leaveAfter !== Infinity) left += 1;
    } catch {
      // The connection broke: what came so far is kept, and the next one goes on from there.
    }
    clearTimeout(timer);
    connection.abort();
    if (observation.end === 'hung') await delay(random.int(10, 200));
  }
}

/** Asks, or goes on where the watcher is. */
function requestEvents(
  url: string,
  question: FaultQuestion,
  key: string,
  { chatId, seen }: Observation,
  signal: AbortSignal,
): Promise<Response> {
  if (chatId === undefined) {
    return fetch(`${url}/api/chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify({ ...ask(question), stream: true }),
      signal,
    });
  }
  const cursor = seen.at(-1)?.id;
  return fetch(`${url}/api/chat/${chatId}/events`, {
    headers: cursor === undefined ? {} : { 'last-event-id': cursor },
    signal,
  });
}

async function readSome(
  response: Response,
  observation: Observation,
  leaveAfter: number,
  nextPause: () => number,
): Promise<void> {
  if (response.status === 204) {
    observation.end = observation.seen.at(-1)?.type ?? '204 without an end';
    return;
  }
  if (!response.ok) {
    const { error } = (await response.json()) as { error: { code: string } };
    // As the package does: these say that it may be well later.
    if (![429, 502, 503, 504].includes(response.status))
      observation.end = `http ${response.status} ${error.code}`;
    return;
  }
  observation.chatId ??= response.headers.get('x-chat-id') ?? undefined;
  let events = 0;
  for await (const frame of readEvents(response)) {
    const seen = fromFrame(frame, performance.now(), observation.seen.at(-1));
    if (!seen) continue;
    observation.seen.push(seen);
    if (isEnd(seen)) {
      observation.end = seen.type === 'failed' ? `failed ${codeOf(seen)}` : seen.type;
      return;
    }
    if (++events > leaveAfter) return;
    const pause = nextPause();
    if (pause > 0) await delay(pause);
  }
}

/** The code of a record `failed`. */
export function codeOf({ body }: Seen): string {
  return (JSON.parse(body) as { code: string }).code;
}

function ask(question: FaultQuestion) {
  return { messages: [{ role: 'user' as const, content: writeQuestion(question) }] };
}

/** Asks for a streamed answer by hand, and does not read it. */
export function post(url: string, question: FaultQuestion): Promise<Response> {
  return postJson(`${url}/api/chat`, { ...ask(question), stream: true });
}

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Random, hash } from '../faults/harness/random.ts';
import { begin, chunk } from './scripted-model.ts';

/** What a question asks of the model, as JSON in its text. */
export interface FaultQuestion {
  /** Makes the answer the one it is. */
  name: string;
  /** Tokens of the answer. */
  pieces: number;
  /** Milliseconds between two tokens. */
  everyMs: number;
  /** Whether the answer repeats itself, as tables and code do; else no piece of it occurs twice. */
  periodic?: boolean;
}

/** An OpenAI-compatible model whose every answer is known beforehand to the character. */
export interface FaultModel extends AsyncDisposable {
  readonly port: number;
  /** Answers under way, those whose client went before their end, and all. */
  readonly counts: { open: number; aborted: number; all: number };
  /** The questions whose answers are under way. */
  readonly openNames: ReadonlySet<string>;
  /** Partial answers given to go on with that are not the beginning of the answer: something was lost or added. */
  readonly wrongPartials: { question: FaultQuestion; partial: string }[];
  /** When the last request for a question was closed before its end; `performance.now()`. */
  readonly abortedAt: Map<string, number>;
}

interface Message {
  role: string;
  content: string;
}

const CHINESE = ['春眠', '不觉晓', '处处', '闻啼鸟', '夜来', '风雨声', '花落', '知多少', '龍', '鬱'];
const EMOJI = ['😀', '👩‍👩‍👧‍👦', '🇨🇳', '👍🏽', '𝄞', '🏳️‍🌈', 'é', '𠮷'];
const WORDS = ['river', 'stone', 'Sluice', 'gate', 'x', 'data:', '\n\n', '"quoted\\"', 'id: 1-1\n', '\r\n'];
const PERIODIC = ['| --- ', '    }\n', '谢谢', 'ha '];

/** The text of a question as a client sends it. */
export function writeQuestion(question: FaultQuestion): string {
  return JSON.stringify(question);
}

/** The tokens of the answer. Each carries its number, so that nothing can be missing or twice, or change places, unseen. */
export function composePieces({ name, pieces, periodic = false }: FaultQuestion): string[] {
  const random = new Random(hash(name));
  if (periodic)
    return (
      random
        .pick(PERIODIC)
        .repeat(pieces)
        .match(/[^]{2}/g) ?? []
    );
  return Array.from(
    { length: pieces },
    (_, n) => `${random.pick(random.pick([CHINESE, EMOJI, WORDS]))}${n} `,
  );
}

/** Starts a model on a free port. It ignores `max_tokens`. */
export async function startFaultModel(): Promise<FaultModel> {
  const counts = { open: 0, aborted: 0, all: 0 };
  const wrongPartials: FaultModel['wrongPartials'] = [];
  const abortedAt = new Map<string, number>();
  const openNames = new Set<string>();

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const text = Buffer.concat(await request.toArray()).toString();
    const { messages } = JSON.parse(text) as { messages: Message[] };
    const question = JSON.parse(messages.findLast(isQuestion)?.content ?? '') as FaultQuestion;
    const last = messages.at(-1);
    const partial = last?.role === 'assistant' ? last.content : '';
    const gone = new AbortController();
    counts.open += 1;
    counts.all += 1;
    openNames.add(question.name);
    response.once('close', () => {
      counts.open -= 1;
      openNames.delete(question.name);
      if (response.writableFinished) return;
      counts.aborted += 1;
      abortedAt.set(question.name, performance.now());
      gone.abort();
    });
    const rest = skip(composePieces(question), partial);
    if (!rest) {
      wrongPartials.push({ question, partial });
      return void response.writeHead(500).end();
    }
    begin(response);
    for (const piece of rest) {
      await delay(question.everyMs, undefined, { signal: gone.signal });
      if (!response.write(chunk({ content: piece }))) await once(response, 'drain', { signal: gone.signal });
    }
    response.end(`${chunk({}, 'stop')}data: [DONE]\n\n`);
  };
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    counts,
    openNames,
    wrongPartials,
    abortedAt,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function isQuestion({ role, content }: Message): boolean {
  return role === 'user' && content.startsWith('{');
}

/** What of the pieces comes after a partial answer; undefined when it is not their beginning. */
function skip(pieces: readonly string[], partial: string): string[] | undefined {
  const rest = pieces.join('');
  if (!rest.startsWith(partial)) return undefined;
  let left = partial.length;
  const after: string[] = [];
  for (const piece of pieces) {
    if (left < piece.length) after.push(piece.slice(left));
    left = Math.max(0, left - piece.length);
  }
  return after;
}

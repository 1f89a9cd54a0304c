/** Raw clients in a process of their own. Takes a `LoadPlan` as JSON, tells its parent when it measures and what. */
import { Agent, request as httpRequest } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { encodeRequest } from '../answer-plan.ts';
import { quantilesOf } from '../statistics.ts';
import { AnswerReader } from './answer-reader.ts';
import type { LoadPlan, LoadResult } from './load-plan.ts';

const plan = JSON.parse(process.argv[2] ?? '{}') as LoadPlan;
const agent = new Agent({ keepAlive: true, maxSockets: Infinity });
const body = encodeRequest(plan.answer);
const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };

let isMeasuring = false;
let isOver = false;
const seen = { answers: 0, failures: 0, tokens: 0, events: 0 };
const firstToken: number[] = [];
const laterToken: number[] = [];
const pickUp: number[] = [];
const sink = {
  tokens(count: number, events: number) {
    if (!isMeasuring) return;
    seen.tokens += count;
    seen.events += events;
  },
  firstToken: (ms: number) => isMeasuring && firstToken.push(ms),
  laterToken: (ms: number) => isMeasuring && laterToken.push(ms),
  pickUp: (ms: number) => isMeasuring && pickUp.push(ms),
};

process.once('disconnect', () => process.exit(0));
const gap = plan.rampMs / plan.streams;
const clients = Array.from({ length: plan.streams }, async (_, i) => {
  await delay(i * gap);
  await askAgainAndAgain();
});
await delay(plan.rampMs + plan.warmMs);
isMeasuring = true;
const begun = performance.now();
process.send?.({ type: 'begin' });
await delay(plan.measureMs);
isMeasuring = false;
isOver = true;
const seconds = (performance.now() - begun) / 1e3;
process.send?.({ type: 'end' });
// Sluice goes on with an answer whose client has left: it would be a load on the next run.
await Promise.all(clients);
const result: LoadResult = {
  seconds,
  ...seen,
  firstToken: quantilesOf(firstToken),
  laterToken: quantilesOf(laterToken),
  pickUp: quantilesOf(pickUp),
};
process.send?.({ type: 'result', result }, () => process.exit(0));

async function askAgainAndAgain(): Promise<void> {
  while (!isOver) {
    const tokens = await ask().catch(() => -1);
    if (!isMeasuring) continue;
    if (tokens === plan.answer.tokens) seen.answers += 1;
    else seen.failures += 1;
  }
}

/** Resolves with the number of tokens when the answer has ended. */
function ask(): Promise<number> {
  return new Promise((resolve, reject) => {
    const reader = new AnswerReader(sink, plan.answer.isStamped === true);
    const request = httpRequest(plan.url, { method: 'POST', agent, headers }, (response) => {
      response.on('data', (bytes: Buffer) => reader.read(bytes));
      response.once('close', () => resolve(response.complete ? reader.tokens : -1));
    });
    request.once('error', reject);
    request.end(body);
  });
}

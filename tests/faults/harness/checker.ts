import { logKey } from '@sluice/shared/redis/keys';
import { composePieces } from '../../helpers/fault-model.ts';
import { waitFor } from '../../helpers/poll.ts';
import { fromRedis, isEnd } from './seen.ts';
import type { Seen } from './seen.ts';
import { tellStory } from './story.ts';
import { codeOf } from './watchers.ts';
import type { Observation, Watched } from './watchers.ts';
import type { World } from './world.ts';

/** Something that must never be, with all that is known of it. */
export interface Violation {
  what: string;
  story: string;
}

/** How chats may end under the faults of a scenario, as `Observation.end` has it. */
export type AllowedEnd = RegExp;

/** What a client is told when the log that it followed is gone, or has lost what it had. */
const LOST = /^((http 404|failed) not_found|(http 410|failed) unknown_cursor)$/;

/** What Redis has kept: `everything` that it acknowledged, or `not the tail`, which clients may have had. */
export type Kept = 'everything' | 'not the tail';

/** A log whose clients have all been told its end may lack that end until its job is taken over, or reaped. */
const LOG_ENDS_WITHIN_MS = 60_000;

/** Compares what every client got, record by record, with the logs, and the logs with what the model says. */
export async function checkStreams(
  world: World,
  streams: readonly Watched[],
  allowed: AllowedEnd,
  kept: Kept = 'everything',
): Promise<Violation[]> {
  const violations: Violation[] = [];
  for (const stream of streams) {
    const id = stream.id();
    const log = id === undefined ? [] : await readEndedLog(world, id, kept);
    const wrong = [
      ...(id === undefined ? ['no client was told the id of the chat'] : checkLog(log, stream, allowed)),
      ...stream.observations.flatMap((observation) =>
        checkObservation(observation, log, stream, allowed, kept).map(
          (what) => `${observation.watcher}: ${what}`,
        ),
      ),
    ];
    for (const what of wrong)
      violations.push({ what: `${stream.question.name}: ${what}`, story: tellStory(world, stream, log) });
  }
  for (const { question, partial } of world.model.wrongPartials) {
    const what = `${question.name}: the model was given a partial answer that it never gave`;
    violations.push({ what, story: JSON.stringify(partial) });
  }
  for (const crash of [...world.gateways.crashes(), ...world.workers.crashes()])
    violations.push({ what: 'a service ended by itself', story: crash });
  return violations;
}

/** A log as it is in Redis. */
export async function readLog({ control }: World, id: string): Promise<Seen[]> {
  return (await control.xrange(logKey('default', id), '-', '+')).map(fromRedis);
}

/** A log with its end: at once, unless a lost tail may have taken it. */
async function readEndedLog(world: World, id: string, kept: Kept): Promise<Seen[]> {
  let log = await readLog(world, id);
  if (kept === 'everything') return log;
  const hasEnded = async () => {
    log = await readLog(world, id);
    const last = log.at(-1);
    return last === undefined || isEnd(last);
  };
  await waitFor(hasEnded, { what: 'the end of a log', timeoutMs: LOG_ENDS_WITHIN_MS }).catch(() => {});
  return log;
}

function checkLog(log: readonly Seen[], { question, observations }: Watched, allowed: AllowedEnd): string[] {
  const last = log.at(-1);
  if (!last) {
    const isTold = observations.every(({ end }) => LOST.test(end) && allowed.test(end));
    return isTold ? [] : ['there is no log'];
  }
  const wrong: string[] = [];
  const ends = log.filter(isEnd);
  if (ends.length !== 1 || !isEnd(last)) wrong.push(`${ends.length} ends, the last record is ${last.type}`);
  const end = last.type === 'failed' ? `failed ${codeOf(last)}` : last.type;
  if (isEnd(last) && !allowed.test(end)) wrong.push(`ended as ${end}`);
  for (const [i, { id }] of log.entries()) {
    const [attempt = 0, seq = 0] = id.split('-').map(Number);
    const [attemptBefore = 0, seqBefore = 0] = (log[i - 1]?.id ?? '0-0').split('-').map(Number);
    const isNext = attempt === attemptBefore ? seq === seqBefore + 1 : attempt > attemptBefore && seq === 1;
    if (!isNext) wrong.push(`${id} follows ${log[i - 1]?.id}`);
  }
  const text = textOf(log);
  const whole = composePieces(question).join('');
  if (last.type === 'done' && text !== whole)
    wrong.push(`the text is not the model's: ${difference(text, whole)}`);
  if (last.type !== 'done' && !whole.startsWith(text))
    wrong.push(`the text is not the beginning of the model's: ${difference(text, whole)}`);
  return wrong;
}

function checkObservation(
  { chatId, seen, end }: Observation,
  log: readonly Seen[],
  stream: Watched,
  allowed: AllowedEnd,
  kept: Kept,
): string[] {
  if (end === 'hung') return [`no end, ${seen.length} of ${log.length} records`];
  if (!allowed.test(end)) return [`ended as ${end}`];
  const wrong: string[] = [];
  const [text, whole] = [textOf(seen), composePieces(stream.question).join('')];
  if (end === 'done' ? text !== whole : !whole.startsWith(text))
    wrong.push(`it has another text than the model's: ${difference(text, whole)}`);
  if (LOST.test(end)) return wrong;
  if (chatId !== stream.id()) wrong.push(`the same key gave another chat, ${chatId}`);
  // What it had in whole may have been said again since, in other pieces.
  if (kept === 'not the tail' && end === 'done') return wrong;
  const differs = seen.findIndex((record, i) => !isSame(record, log[i]));
  if (differs !== -1)
    wrong.push(`record ${differs} is ${show(seen[differs])}, in the log ${show(log[differs])}`);
  // The package throws a failure instead of giving it as an event.
  const isWhole = seen.length === log.length || (end.startsWith('failed') && seen.length === log.length - 1);
  if (!isWhole) wrong.push(`${seen.length} of ${log.length} records at its end`);
  return wrong;
}

function isSame(a: Seen, b: Seen | undefined): boolean {
  return a.id === b?.id && a.type === b.type && a.body === b.body;
}

function show(record: Seen | undefined): string {
  return record ? `${record.id} ${record.type} ${JSON.stringify(record.body)}` : 'nothing';
}

/** The answer in a list of records. */
export function textOf(records: readonly Seen[]): string {
  const lastReset = records.findLastIndex(({ type }) => type === 'reset');
  return records
    .slice(lastReset + 1)
    .map(({ type, body }) => (type === 'delta' ? body : ''))
    .join('');
}

function difference(got: string, wanted: string): string {
  let at = 0;
  while (at < got.length && got[at] === wanted[at]) at += 1;
  const near = (text: string) => JSON.stringify(text.slice(Math.max(0, at - 20), at + 40));
  return `from ${at} on (${got.length} for ${wanted.length}) ${near(got)} for ${near(wanted)}`;
}

import { setTimeout as delay } from 'node:timers/promises';
import { dataOf, errorOf } from '../../../helpers/api.ts';
import { waitFor } from '../../../helpers/poll.ts';
import { readLog } from '../checker.ts';
import type { Scenario, ScenarioContext } from '../scenario.ts';

const RACES = 1_000;
const AT_ONCE = 25;
const PIECES = 12;
const EVERY_MS = 20;

/** Chats are cancelled about when they end, or wait, or begin, by several at once and through any gateway. */
export const races: Scenario = {
  name: 'cancel races',
  seconds: 120,
  world: { gateways: 2, workers: 1 },
  async run(context) {
    const count = context.scaled(RACES);
    const usualMs = await measureAnswer(context);
    let begun = 0;
    const racer = async () => {
      do {
        begun += 1;
        await race(context, usualMs);
      } while (begun < count && !context.isTimeOver);
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, racer));
  },
};

/** Milliseconds from the id of a chat to its end, when nobody cancels it. */
async function measureAnswer(context: ScenarioContext): Promise<number> {
  const stream = context.ask({ pieces: PIECES, everyMs: EVERY_MS }, { raw: 0, deadlineMs: 60_000 });
  await waitFor(() => stream.id(), { what: 'the id of a chat', timeoutMs: 60_000 });
  const startedAt = performance.now();
  await stream.ended;
  return performance.now() - startedAt;
}

async function race(context: ScenarioContext, usualMs: number): Promise<void> {
  const { world, random, figures } = context;
  // Three watchers with the same key: the POST is repeated while the first is under way.
  const stream = context.ask({ pieces: PIECES, everyMs: EVERY_MS }, { raw: 2, deadlineMs: 60_000 });
  const id = await waitFor(() => stream.id(), { what: 'the id of a chat', timeoutMs: 60_000 });
  const { name } = stream.question;
  await delay(random.chance(0.2) ? random.int(0, 50) : Math.max(0, usualMs + random.int(-60, 60)));
  const cancel = async () => {
    const calledAt = performance.now();
    const response = await fetch(`${world.url}/api/chat/${id}/cancel`, { method: 'POST' });
    if (!response.ok) {
      const { code } = await errorOf(response);
      return context.violate(`${name}: cancel was answered ${response.status} ${code}`);
    }
    const { status } = await dataOf<{ status: string }>(response);
    await stream.ended;
    const end = (await readLog(world, id)).at(-1)?.type;
    if (status !== end) context.violate(`${name}: cancel said ${status}, the log ${end}`);
    await waitFor(() => !world.model.openNames.has(name), { what: 'the request to the model to be closed' });
    const abortedAt = world.model.abortedAt.get(name);
    if (abortedAt !== undefined && abortedAt > calledAt)
      figures.time('cancel to the closed request to the model', abortedAt - calledAt);
  };
  await Promise.all(Array.from({ length: random.int(1, 2) }, cancel));
  figures.count('races');
  await context.check([stream], /^(done|cancelled)$/);
}

import { setTimeout as delay } from 'node:timers/promises';
import type { Scenario, ScenarioContext } from '../scenario.ts';
import { waitFor } from '../../../helpers/poll.ts';
import { post } from '../watchers.ts';

const AWAY_SECONDS = [1, 7, 20, 60];
const STREAMS = 30;
const BACK_WITHIN_MS = 60_000;

/** Redis is killed with SIGKILL and comes back with its file, after a while. Its file has all that it acknowledged. */
export const redisAway: Scenario = {
  name: 'Redis away',
  seconds: 260,
  world: { gateways: 2, workers: 2 },
  async run(context) {
    const [shortest = 1] = AWAY_SECONDS;
    for (const seconds of AWAY_SECONDS)
      if (seconds === shortest || !context.isTimeOver) await stayAway(context, context.shortened(seconds));
  },
};

async function stayAway(context: ScenarioContext, seconds: number): Promise<void> {
  const { world, random, figures } = context;
  const everyMs = 100;
  // Long enough to have something to say when Redis is back, whenever that is.
  const pieces = Math.round(((seconds + 8) * 1_000) / everyMs);
  const streams = await context.askMany(STREAMS, () =>
    context.ask({ pieces, everyMs }, { deadlineMs: (seconds + 90) * 1_000 }),
  );
  await delay(random.int(500, 2_000));
  world.timeline.note(`Redis: SIGKILL, away for ${seconds} s`);
  await world.redis.kill();
  const backAt = performance.now() + seconds * 1_000;
  do {
    await tryToPost(context);
    await delay(Math.min(200, Math.max(0, backAt - performance.now())));
  } while (performance.now() < backAt);
  await world.redis.restart();
  const returned = world.timeline.note('Redis is back');

  const again = await waitFor(
    async () => {
      const response = await post(world.url, { name: 'again', pieces: 1, everyMs: 1 });
      await response.body?.cancel();
      return response.ok;
    },
    { what: 'a chat to be accepted again', timeoutMs: BACK_WITHIN_MS },
  ).then(() => performance.now());
  figures.time('POST accepted after the return', again - returned);
  await Promise.all(streams.map(({ ended }) => ended));
  for (const { observations } of streams) {
    for (const { seen } of observations) {
      const next = seen.find(({ at }) => at > returned);
      if (next) figures.time('stream goes on after the return', next.at - returned);
    }
  }
  await context.check(streams, /^done$/);
}

/** Asks while Redis is away: 503, with the time to come back, and nothing accepted. */
export async function tryToPost({ world, figures, violate }: ScenarioContext): Promise<void> {
  const startedAt = performance.now();
  const response = await post(world.url, { name: 'away', pieces: 1, everyMs: 1 });
  figures.time('POST while Redis is away', performance.now() - startedAt);
  const { error } = (await response.json()) as { error?: { code: string } };
  const isRight =
    response.status === 503 && error?.code === 'redis_unavailable' && response.headers.has('retry-after');
  if (!isRight)
    violate(
      `a POST while Redis is away was answered ${response.status} ${error?.code}`,
      JSON.stringify(error),
    );
}

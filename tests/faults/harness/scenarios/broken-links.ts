import { setTimeout as delay } from 'node:timers/promises';
import type { ProxyFault, TcpProxy } from '../../../helpers/tcp-proxy.ts';
import type { Scenario, ScenarioContext } from '../scenario.ts';

const ROUNDS = 60;
const STREAMS = 20;

/** The way to Redis breaks for workers, for gateways, or both, while Redis is well. */
export const brokenRedisLinks: Scenario = {
  name: 'broken links to Redis',
  seconds: 240,
  world: { gateways: 2, workers: 2 },
  async run(context) {
    const { world, random } = context;
    const ask = () => context.ask({ pieces: 60, everyMs: 100 }, { leaves: 1, deadlineMs: 120_000 });
    const streams = await context.whileAsking(STREAMS, ask, async () => {
      for (let i = 0; i < context.scaled(ROUNDS) && !context.isTimeOver; i += 1) {
        const { gatewayRedis, workerRedis } = world.proxies;
        const links = random.pick([[gatewayRedis], [workerRedis], [gatewayRedis, workerRedis]]);
        await breakLinks(context, links, 'Redis');
      }
    });
    await context.check(streams, /^(done|failed worker_lost)$/);
  },
};

/** The way to the model breaks. An answer that has begun may fail, with what was said before. */
export const brokenModelLinks: Scenario = {
  name: 'broken links to the model',
  seconds: 120,
  world: {
    gateways: 1,
    workers: 1,
    env: {
      MODEL_TOKEN_TIMEOUT_MS: '3000',
      MODEL_FIRST_TOKEN_TIMEOUT_MS: '3000',
      MODEL_BREAKER_FAILURES: '1000',
    },
  },
  async run(context) {
    const { world } = context;
    const ask = () => context.ask({ pieces: 40, everyMs: 50 }, { deadlineMs: 60_000 });
    const streams = await context.whileAsking(STREAMS, ask, async () => {
      for (let i = 0; i < context.scaled(ROUNDS / 2) && !context.isTimeOver; i += 1)
        await breakLinks(context, [world.proxies.model], 'the model');
    });
    await context.check(streams, /^(done|failed model_(unavailable|timeout))$/);
  },
};

async function breakLinks(context: ScenarioContext, links: readonly TcpProxy[], to: string): Promise<void> {
  const { world, random, figures } = context;
  const lasting = (): ProxyFault[] => [
    { kind: 'reset' },
    { kind: 'black-hole' },
    { kind: 'delay', ms: random.int(5, 200), jitterMs: random.int(0, 300) },
    { kind: 'split', bytes: random.int(1, 5) },
    { kind: 'throttle', bytesPerSecond: 50_000 },
    { kind: 'cut', bytes: random.int(100, 20_000) },
  ];
  const atOnce = {
    'reset of a half': (link: TcpProxy) => link.reset(random.next, 0.5),
    'half-close': (link: TcpProxy) => link.halfClose(),
  };
  const fault = random.chance(0.25) ? undefined : random.pick(lasting());
  const name = fault?.kind ?? random.pick(Object.keys(atOnce) as (keyof typeof atOnce)[]);
  world.timeline.note(`links to ${to} (${links.length}): ${fault ? JSON.stringify(fault) : name}`);
  figures.count(`faults: ${name}`);
  for (const link of links) {
    if (fault) link.set(fault);
    else atOnce[name as keyof typeof atOnce](link);
  }
  await delay(random.int(200, 4_000));
  for (const link of links) link.set({ kind: 'pass' });
  world.timeline.note(`links to ${to}: pass`);
  await delay(random.int(200, 2_000));
}

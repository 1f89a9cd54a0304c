import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { EventSourceMessage } from 'eventsource-parser';
import { Redis } from 'ioredis';
import { logKey, queuePrefix } from '@sluice/shared/redis/keys';
import { collectEvents, contentOf, dataOf, errorOf, postJson, readEvents } from '../helpers/api.ts';
import { waitFor } from '../helpers/poll.ts';
import { startRedisCluster, startRedisSentinel } from '../helpers/redis-cluster.ts';
import type { RedisNode, TestTopology } from '../helpers/redis-cluster.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

const QUESTION = { messages: [{ role: 'user', content: '你是谁？你能做什么？' }] };
const STREAMS = 8;

/** A second to answer, and a little for a machine that runs a dozen processes on two cores. */
const ANSWER_WITHIN_MS = 1_250;
const FAILOVER_WITHIN_MS = 20_000;

const TOPOLOGIES: [name: string, start: () => Promise<TestTopology>][] = [
  ['a master of a Redis Cluster', () => startRedisCluster({ replicas: 1 })],
  ['the master behind Sentinel', startRedisSentinel],
];

/** What happens to the master that has the queue and, of a cluster, a third of the logs. In the order of the tests. */
const FAULTS: [name: string, strike: (redis: TestTopology, master: RedisNode) => Promise<void>][] = [
  ['is replaced for maintenance', (redis) => redis.failOver(queuePrefix('chat'))],
  ['hangs', (_redis, master) => master.signal('SIGSTOP')],
  ['is killed', (_redis, master) => master.signal('SIGKILL')],
];

for (const [name, start] of TOPOLOGIES) {
  describe(`streams, when ${name}`, () => {
    let redis: TestTopology;
    let stack: TestStack;
    let chat: string;
    let whole: string;
    before(async () => {
      redis = await start();
      stack = await startStack({
        services: ['chat-worker'],
        tokenDelayMs: 40,
        env: { REDIS_URL: redis.url },
      });
      chat = `${stack.url}/api/chat`;
      whole = (await dataOf<{ content: string }>(await postJson(chat, QUESTION))).content;
    });
    after(async () => {
      await stack[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
    });

    for (const [fault, strike] of FAULTS) {
      it(`${fault}, go on to their whole end, and posts get a prompt 503 until it is over`, async (context) => {
        const master = await redis.masterOf(queuePrefix('chat'));
        await redis.replicaOf(master);
        const streams = await Promise.all(Array.from({ length: STREAMS }, () => openStream(stack)));
        await waitFor(() => streams.every(({ events }) => events.length > 5), {
          what: 'all streams to be under way',
        });

        await untilReplicated(master);
        const struckAt = performance.now();
        await strike(redis, master);
        const outage = await postUntilOver(redis, master, chat);
        context.diagnostic(
          `over after ${Math.round(performance.now() - struckAt)} ms; refused ${outage.refused}, the slowest in ${outage.slowestMs} ms`,
        );
        await Promise.all(streams.map(({ ended }) => ended));
        const longestPause = Math.max(...streams.flatMap(({ pauses }) => pauses));
        context.diagnostic(`longest pause of a stream ${Math.round(longestPause)} ms`);
        await master.signal('SIGCONT');

        assert.deepEqual(outage.wrong, []);
        for (const { id, events } of streams) {
          assert.equal(contentOf(events), whole, `the last event: ${JSON.stringify(events.at(-1))}`);
          assert.equal(events.at(-1)?.data, '[DONE]');
          const replay = await collectEvents(await fetch(`${chat}/${id}/events`));
          assert.deepEqual(
            replay,
            events.filter((event) => event.id !== undefined),
            `what was received of ${logKey('default', id)} is the log`,
          );
        }
      });
    }
  });
}

/** A log that no replica has is lost with its master (docs/operations/redis.md); on a busy machine they are late. */
async function untilReplicated({ port }: RedisNode): Promise<void> {
  const client = new Redis(port, '127.0.0.1');
  const replicas = await client.wait(1, 10_000).finally(() => client.disconnect());
  assert.ok(replicas >= 1, 'a replica has what the master had');
}

interface OpenStream {
  id: string;
  events: EventSourceMessage[];
  /** Milliseconds between one event and the next. */
  pauses: number[];
  ended: Promise<void>;
}

async function openStream({ url, gateway }: TestStack): Promise<OpenStream> {
  const response = await postJson(`${url}/api/chat`, { ...QUESTION, stream: true });
  const id = response.headers.get('x-chat-id') ?? '';
  const events: EventSourceMessage[] = [];
  const pauses: number[] = [];
  const read = async () => {
    let last = performance.now();
    for await (const event of readEvents(response)) {
      events.push(event);
      pauses.push(performance.now() - last);
      last = performance.now();
    }
  };
  const ended = read().catch((cause: unknown) => {
    const lines = gateway.logs().split('\n').slice(-20).join('\n');
    throw new Error(`${id} broke off after ${events.at(-1)?.id}. The gateway wrote last:\n${lines}`, {
      cause,
    });
  });
  return { id, events, pauses, ended };
}

/** Posts again and again until another master has the queue and takes a chat. */
async function postUntilOver(redis: TestTopology, former: RedisNode, chat: string) {
  const wrong: string[] = [];
  let refused = 0;
  let slowestMs = 0;
  const isOver = async () => {
    const startedAt = performance.now();
    const response = await postJson(chat, { ...QUESTION, stream: true });
    const tookMs = Math.round(performance.now() - startedAt);
    slowestMs = Math.max(slowestMs, tookMs);
    if (tookMs > ANSWER_WITHIN_MS) wrong.push(`${response.status} after ${tookMs} ms`);
    if (response.ok) {
      await response.body?.cancel();
      return (await redis.masterOf(queuePrefix('chat'))).port !== former.port;
    }
    refused += 1;
    const { code, retryAfter } = await errorOf(response);
    if (response.status !== 503 || code !== 'redis_unavailable' || !retryAfter)
      wrong.push(`${response.status} ${code}, retry after ${retryAfter}`);
    return false;
  };
  await waitFor(isOver, { what: 'a new master and a chat to be accepted', timeoutMs: FAILOVER_WITHIN_MS });
  return { refused, slowestMs, wrong };
}

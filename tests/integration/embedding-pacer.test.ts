import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Redis } from 'ioredis';
import { openEmbeddingPacer } from '@sluice/shared/embedding/pacer';
import type { EmbeddingBudget } from '@sluice/shared/embedding/pacer';
import { createLogger } from '@sluice/shared/logger';
import { createModelClient } from '@sluice/shared/model-client';
import { closeRedis, connectRedis } from '@sluice/shared/redis/connection';
import { embeddingPauseKey } from '@sluice/shared/redis/keys';
import { waitFor } from '../helpers/poll.ts';
import { startRedis } from '../helpers/redis.ts';
import type { TestRedis } from '../helpers/redis.ts';
import { refuse, startScriptedModel } from '../helpers/scripted-model.ts';

const UNLIMITED: EmbeddingBudget = { requestsPerMinute: 0, tokensPerMinute: 0, concurrency: 4 };
/** How late the first request may be seen on a busy machine, which makes all others look early. */
const EARLY_MS = 200;

describe('embedding pacer', () => {
  let server: TestRedis;
  let connections: Redis[];
  const logger = createLogger({ service: 'test', level: 'silent' });
  before(async () => {
    server = await startRedis();
    connections = Array.from(
      { length: 3 },
      () => connectRedis({ url: server.url, role: 'worker', service: 'test', logger }) as Redis,
    );
  });
  beforeEach(() => connections[0]?.flushall());
  after(async () => {
    await Promise.all(connections.map(closeRedis));
    await server.stop();
  });
  /** As many workers as there are connections. */
  const open = (budget: Partial<EmbeddingBudget>) =>
    connections.map((redis) => openEmbeddingPacer(redis, { ...UNLIMITED, ...budget }, logger));

  /** Has all workers make requests, and gives when they were made, in order. */
  async function startTimes(budget: Partial<EmbeddingBudget>, requests: number, tokens: number) {
    const times: number[] = [];
    await Promise.all(
      open(budget).flatMap((pacer) =>
        Array.from({ length: requests }, () =>
          pacer.run(tokens, () => Promise.resolve(times.push(performance.now()))),
        ),
      ),
    );
    return times.toSorted((a, b) => a - b);
  }

  const waitForPause = () =>
    waitFor(async () => ((await connections[0]?.pttl(embeddingPauseKey)) ?? 0) > 0, { what: 'the pause' });

  function assertSpaced(times: readonly number[], everyMs: number): void {
    for (const [n, time] of times.entries()) {
      const sinceFirst = time - (times[0] ?? 0);
      assert.ok(sinceFirst >= n * everyMs - EARLY_MS, `request ${n} came ${sinceFirst} ms after the first`);
    }
    const all = (times.at(-1) ?? 0) - (times[0] ?? 0);
    const least = (times.length - 1) * everyMs;
    assert.ok(all < least + 10_000, `all took ${all} ms, and the budget allowed ${least}`);
  }

  it('keeps all workers together within the requests per minute', async () => {
    assertSpaced(await startTimes({ requestsPerMinute: 1_200 }, 10, 100), 50);
  });

  it('keeps all workers together within the tokens per minute', async () => {
    const budget = { requestsPerMinute: 60_000, tokensPerMinute: 60_000 };
    assertSpaced(await startTimes(budget, 10, 50), 50);
  });

  it('spaces them also when a pause ends in which the turns of many had come', async () => {
    const times: number[] = [];
    const stop = Promise.withResolvers<void>();
    const running = open({ requestsPerMinute: 1_200 }).flatMap((pacer) =>
      Array.from({ length: 5 }, () =>
        pacer.run(100, async () => {
          times.push(performance.now());
          if (times.length === 1) await connections[0]?.set(embeddingPauseKey, '1', 'PX', 1_000);
          stop.resolve();
        }),
      ),
    );
    await stop.promise;
    await Promise.all(running);
    const late = times.filter((time) => time - (times[0] ?? 0) > 500).toSorted((a, b) => a - b);
    assert.ok(late.length >= 10, `${late.length} of ${times.length} came after the pause`);
    assertSpaced(late, 50);
  });

  it('holds back nobody without a budget', async () => {
    const times = await startTimes({}, 100, 1_000_000);
    assert.ok((times.at(-1) ?? 0) - (times[0] ?? 0) < 10_000);
  });

  it("lets the Retry-After of one worker's request stop all, until it is over", async () => {
    await using model = await startScriptedModel(refuse(429, { 'retry-after-ms': '700' }), (_, response) =>
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ data: [{ index: 0, embedding: [1, 2, 3] }] })),
    );
    // As a worker does, with a single try: the pacer sees to the rest.
    const [refused, ...others] = open({}).map((pacer) =>
      createModelClient(
        { baseUrl: model.url, embeddingModel: 'e', embeddingDimensions: 3, tries: 1 },
        logger,
        pacer,
      ),
    );
    const ask = (client: typeof refused, text: string) => client?.embed([text]);
    const asking = ask(refused, 'refused');
    await waitForPause();
    const vectors = await Promise.all([asking, ...others.map((client) => ask(client, 'other'))]);
    for (const vector of vectors) assert.deepEqual(vector, [Float32Array.of(1, 2, 3)]);
    const [first, ...later] = model.requests.map(({ at }) => at);
    assert.equal(later.length, 3);
    for (const at of later)
      assert.ok(at - (first ?? 0) >= 700 - EARLY_MS, `a request came ${at - (first ?? 0)} ms after`);
  });

  it('gives up a turn that is waited for when the signal says so', async () => {
    const [pacer] = open({ requestsPerMinute: 1 });
    await pacer?.run(1, () => Promise.resolve());
    const stop = new AbortController();
    const waiting = pacer?.run(1, () => assert.fail('a request was made'), stop.signal);
    stop.abort(new Error('drained'));
    await assert.rejects(waiting as Promise<unknown>, /drained/);
  });

  it('hands on what is not about the rate: another failure, an account without quota', async () => {
    const noQuota = { message: 'x', code: 'insufficient_quota' };
    await using model = await startScriptedModel(refuse(400), refuse(429, {}, noQuota));
    const [pacer] = open({});
    const settings = { baseUrl: model.url, embeddingModel: 'e', embeddingDimensions: 3 };
    const client = createModelClient(settings, logger, pacer);
    await assert.rejects(client.embed(['x']), { code: 'model_rejected_request' });
    await assert.rejects(client.embed(['x']), { code: 'model_rate_limited' });
    assert.equal(model.requests.length, 2);
  });
});

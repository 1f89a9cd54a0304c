import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { EventSourceMessage } from 'eventsource-parser';
import type { ChatState } from '@sluice/shared/chat-state';
import { reaperKey } from '@sluice/shared/redis/keys';
import { Redis } from 'ioredis';
import { collectEvents, contentOf, dataOf, postJson, readEvents } from '../helpers/api.ts';
import { waitFor } from '../helpers/poll.ts';
import { begin, chunk, startScriptedModel } from '../helpers/scripted-model.ts';
import { startStack } from '../helpers/stack.ts';

/** Of a stream; see `sse.ts`. */
const HEARTBEAT_MS = 15_000;
const QUESTION = { messages: [{ role: 'user', content: 'Well?' }], stream: true };

it('a gateway that stands still for longer than its heartbeat loses its office, and no chat its life', async () => {
  const release = Promise.withResolvers<void>();
  await using model = await startScriptedModel(async (_request, response) => {
    begin(response, chunk({ content: 'First. ' }));
    await release.promise;
    response.end(`${chunk({ content: 'Last.' }, 'stop')}data: [DONE]\n\n`);
  });
  await using stack = await startStack({
    services: [],
    env: { OPENAI_BASE_URL: model.url, CHAT_CONCURRENCY: '1' },
  });
  const redis = new Redis(stack.redis.url);
  try {
    const leader = await waitFor(() => redis.get(reaperKey), { what: 'the first gateway to lead' });
    const other = await stack.start('gateway');
    await stack.start('chat-worker');
    const ask = () => postJson(`${stack.url}/api/chat`, QUESTION);
    const stateOf = async (id: string) =>
      dataOf<ChatState>(await fetch(`${other.url}/api/chat/${id}`, { signal: AbortSignal.timeout(5_000) }));

    // One that is under way, and one that waits for its end.
    const live = await ask();
    const events: EventSourceMessage[] = [];
    const rest = readEvents(live);
    while (contentOf(events) === '') events.push((await rest.next()).value as EventSourceMessage);
    const waiting = await ask();

    stack.gateway.process.kill('SIGSTOP');
    const stoppedAt = performance.now();
    // One whose job is lost: when it is ended, the other gateway has looked at all of them twice.
    const lost = await postJson(`${other.url}/api/chat`, QUESTION);
    await lost.body?.cancel();
    const lostId = lost.headers.get('x-chat-id') ?? '';
    const queue = 'sluice:{queue-chat}:chat';
    assert.equal(await redis.zrem(`${queue}:prioritized`, lostId), 1);
    assert.equal(await redis.del(`${queue}:${lostId}`), 1);
    await waitFor(
      async () =>
        (await stateOf(lostId)).status === 'failed' && performance.now() - stoppedAt > HEARTBEAT_MS * 1.5,
      { timeoutMs: 50_000, what: 'the other gateway to reap' },
    );
    assert.match(other.logs(), /ended the log of a job that nobody has/);
    assert.notEqual(await redis.get(reaperKey), leader);
    const states = await Promise.all(
      [live, waiting].map((one) => stateOf(one.headers.get('x-chat-id') ?? '')),
    );
    assert.deepEqual(
      states.map(({ status }) => status),
      ['running', 'queued'],
    );

    stack.gateway.process.kill('SIGCONT');
    release.resolve();
    for await (const event of rest) events.push(event);
    for (const all of [events, await collectEvents(waiting)]) {
      assert.equal(contentOf(all), 'First. Last.');
      assert.equal(all.at(-1)?.data, '[DONE]');
      assert.ok(!all.some(({ event }) => event === 'continued'), 'its worker kept it');
    }
  } finally {
    redis.disconnect();
  }
});

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from '../../client/src/index.ts';
import type { ChatEvent } from '../../client/src/index.ts';
import type { TestService } from '../helpers/process.ts';
import { startStack } from '../helpers/stack.ts';
import { waitFor } from '../helpers/poll.ts';

const READERS = 8;
/** Between the beginnings of their answers, so that some are in the midst of one whenever something restarts. */
const STAGGER_MS = 450;
const messages = [{ role: 'user' as const, content: '你是谁？你能做什么？' }];

it('a rolling restart of every service under load loses nothing', async () => {
  await using stack = await startStack({ tokenDelayMs: 45, env: { DRAIN_TIMEOUT_MS: '2000' } });
  // A load balancer that learns of a gateway's end only when it is over.
  let gateways: TestService[] = [stack.gateway];
  let turn = 0;
  const { chat, knowledge } = createClient({
    baseUrl: stack.url,
    fetch: (url, init) => {
      const { port } = gateways[turn++ % gateways.length] ?? stack.gateway;
      return fetch(Object.assign(new URL(url), { port }), init);
    },
    retry: { minDelayMs: 50, maxDelayMs: 500, maxAttempts: 50 },
  });
  const { content: whole } = await chat.create({ messages });

  let isOver = false;
  let answers = 0;
  const seen: { id: string; events: ChatEvent[] }[] = [];
  const read = async (_: unknown, i: number) => {
    await delay(i * STAGGER_MS);
    while (!isOver) {
      const stream = chat.stream({ messages });
      const events = await Array.fromAsync(stream);
      assert.equal(await stream.text(), whole);
      seen.push({ id: await stream.id, events: events.slice(1) });
      answers += 1;
    }
  };
  const upload = async () => {
    for (let n = 0; !isOver; n += 1) {
      const content = `The lighthouse number ${n} was built in ${1_800 + n}.`;
      const { status } = await knowledge.upload({ name: `lighthouse-${n}.txt`, content }, { wait: true });
      assert.equal(status, 'ready');
    }
  };
  const load = Promise.all([...Array.from({ length: READERS }, read), upload()]);

  const isGateway = (service: TestService) => service.logs().includes('gateway ready');
  const nameOf = (service: TestService) =>
    isGateway(service)
      ? 'gateway'
      : service.logs().includes('chat-worker ready')
        ? 'chat-worker'
        : 'ingest-worker';
  const restart = async () => {
    for (const old of [...stack.services].filter(({ process }) => process.exitCode === null)) {
      const next = await stack.start(nameOf(old));
      if (isGateway(next)) gateways.push(next);
      const exitCode = await old.stop();
      gateways = gateways.filter((gateway) => gateway !== old);
      assert.equal(exitCode, 0, old.logs().split('\n').slice(-5).join('\n'));
      const before = answers;
      await waitFor(() => answers >= before + READERS, { what: 'the answers to go on' });
    }
  };
  await Promise.race([restart().finally(() => (isOver = true)), load]);
  await load;

  for (const { id, events } of seen) assert.deepEqual(events, await Array.fromAsync(chat.resume(id)));
  assert.ok(
    seen.some(({ events }) => events.some(({ type }) => type === 'continued')),
    'a worker handed over what it had',
  );
});

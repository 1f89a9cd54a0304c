import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { collectEvents, contentOf, dataOf, postJson, readEvents } from '../helpers/api.ts';
import { startStack } from '../helpers/stack.ts';

const LONG_QUESTION = { messages: [{ role: 'user', content: '你是谁？你能做什么？' }] };

describe('takeover', () => {
  it('goes on with the answer of a worker that was killed: one whole answer, no break, one end', async () => {
    await using stack = await startStack({ services: ['chat-worker'], tokenDelayMs: 40 });
    const [, first] = stack.services;
    const whole = await dataOf<{ content: string }>(await postJson(`${stack.url}/api/chat`, LONG_QUESTION));

    const response = await postJson(`${stack.url}/api/chat`, { ...LONG_QUESTION, stream: true });
    const events = [];
    let deltas = 0;
    for await (const event of readEvents(response)) {
      events.push(event);
      if (event.event === undefined && ++deltas === 5) {
        await first?.kill();
        await stack.start('chat-worker');
      }
    }
    assert.equal(contentOf(events), whole.content);
    assert.equal(events.filter((event) => event.data === '[DONE]').length, 1);
    assert.equal(events.at(-1)?.data, '[DONE]');
    assert.equal(events.filter((event) => event.event === 'continued').length, 1);
    const id = response.headers.get('x-chat-id');
    const replay = await collectEvents(await fetch(`${stack.url}/api/chat/${id}/events`));
    assert.deepEqual(
      replay,
      events.filter((event) => event.id !== undefined),
      'what was received is the log',
    );
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ChatMessage } from '@sluice/shared/contracts/chat';
import { UnavailableError } from '@sluice/shared/errors';
import type { ChatCompletionRequest, ModelEvent } from '@sluice/shared/model-client';
import { condenseQuestion } from './condense.ts';

const CHAT: ChatMessage[] = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: '龙井茶产于哪里？' },
  { role: 'assistant', content: '杭州。' },
  { role: 'user', content: '那普洱茶呢？' },
];
const finish = (reason = 'stop'): ModelEvent => ({ type: 'finish', reason });
const content = (text: string): ModelEvent => ({ type: 'content', text });

describe('condensing', () => {
  it('asks the model from the second question on, with the conversation as data', async () => {
    const { requests, condense } = script(content(' 普洱茶'), content('产于哪里？\n'), finish());
    assert.equal(await condense(CHAT), '普洱茶产于哪里？');
    const [request] = requests;
    assert.deepEqual(JSON.parse(request?.messages[1]?.content ?? ''), CHAT.slice(1));
    assert.deepEqual([request?.model, request?.temperature, request?.max_tokens], ['m', 0, 200]);
  });

  it('asks nobody about a first question', async () => {
    const { requests, condense } = script(finish());
    assert.equal(await condense([CHAT[1] as ChatMessage]), '龙井茶产于哪里？');
    assert.deepEqual(requests, []);
  });

  it('bounds what it sends', async () => {
    const { requests, condense } = script(content('x'), finish());
    await condense(
      Array.from({ length: 99 }, (_, i) => ({
        role: i % 2 ? 'assistant' : 'user',
        content: '长'.repeat(9_000),
      })),
    );
    assert.ok((requests[0]?.messages[1]?.content.length ?? Infinity) < 8_000);
  });

  it('searches for the question itself when the model fails, rambles, says nothing or is too slow', async () => {
    const scripts: (ModelEvent | Error | 'wait')[][] = [
      [new UnavailableError(503, 'model_unavailable', 'away')],
      [content('half'), new UnavailableError(503, 'model_unavailable', 'away')],
      [content('word '.repeat(200)), finish('length')],
      [content('  '), finish()],
      [content('half'), 'wait'],
    ];
    for (const events of scripts) {
      const { condense, warnings } = script(...events);
      assert.equal(await condense(CHAT), '那普洱茶呢？');
      assert.equal(warnings.length, 1, 'and says so');
    }
  });

  it('ends with the chat', async () => {
    const stop = new AbortController();
    const condensing = script('wait').condense(CHAT, stop.signal);
    stop.abort(new Error('cancelled'));
    await assert.rejects(condensing, /cancelled/);
  });
});

/** A model that answers once with these events; `wait` until it is aborted. */
function script(...events: (ModelEvent | Error | 'wait')[]) {
  const requests: ChatCompletionRequest[] = [];
  const warnings: unknown[] = [];
  async function* streamChat(request: ChatCompletionRequest, signal: AbortSignal) {
    requests.push(request);
    for (const event of events) {
      if (event instanceof Error) throw event;
      if (event !== 'wait') yield event;
      else
        await new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason)),
        );
    }
  }
  const deps = { model: { streamChat }, logger: { warn: (line: unknown) => warnings.push(line) } };
  const condense = (messages: ChatMessage[], signal = new AbortController().signal) =>
    condenseQuestion(deps, { messages, model: 'm' }, signal, 100);
  return { requests, warnings, condense };
}

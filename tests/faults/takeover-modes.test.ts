import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { EventSourceMessage } from 'eventsource-parser';
import { contentOf, postJson, readEvents } from '../helpers/api.ts';
import { begin, chunk, startScriptedModel } from '../helpers/scripted-model.ts';
import type { ScriptedModel } from '../helpers/scripted-model.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

const QUESTION = { role: 'user', content: 'Count to twelve.' };
const ANSWER =
  'First, second, third, fourth, fifth, sixth, seventh, eighth, ninth, tenth, eleventh, twelfth.';

/** The model, asked to go on, says the last word again. */
function restOf(partial: string): string {
  return ANSWER.slice(partial.trimEnd().lastIndexOf(' ') + 1);
}

describe('takeover of an answer whose worker was killed', () => {
  let model: ScriptedModel;
  let stack: TestStack;
  /** Whether the next answer stops after its fourth word, as if for thought. */
  let isDoomed = false;
  before(async () => {
    model = await startScriptedModel((_request, response) => {
      const partial = messagesOf(model.requests.at(-1)).find(({ role }) => role === 'assistant');
      const words = (partial ? restOf(partial.content) : ANSWER).match(/\S+ ?/g) ?? [];
      begin(response, ...words.slice(0, isDoomed ? 4 : undefined).map((content) => chunk({ content })));
      if (isDoomed) return void (isDoomed = false);
      response.end(`${chunk({}, 'stop')}data: [DONE]\n\n`);
    });
    stack = await startStack({
      services: [],
      env: { OPENAI_BASE_URL: model.url, TAKEOVER_PROMPT: 'instruction' },
    });
  });
  after(async () => {
    await stack[Symbol.asyncDispose]();
    await model[Symbol.asyncDispose]();
  });

  /** The events of an answer whose worker was killed after its fourth word. */
  async function loseWorker(mode: string): Promise<EventSourceMessage[]> {
    const env = { TAKEOVER: mode };
    const dying = await stack.start('chat-worker', env);
    isDoomed = true;
    const response = await postJson(`${stack.url}/api/chat`, { messages: [QUESTION], stream: true });
    const events: EventSourceMessage[] = [];
    for await (const event of readEvents(response)) {
      events.push(event);
      if (!contentOf(events).endsWith('fourth, ') || dying.process.signalCode !== null) continue;
      await dying.kill();
      await stack.start('chat-worker', env);
    }
    await Promise.all(stack.services.slice(1).map((worker) => worker.kill()));
    return events;
  }
  const namesOf = (events: EventSourceMessage[]) => events.flatMap(({ event }) => event ?? []);

  it('continue: asks for the rest by an instruction, and takes out what is said twice', async () => {
    const events = await loseWorker('continue');
    assert.equal(contentOf(events), ANSWER);
    assert.deepEqual(namesOf(events), ['accepted', 'queued', 'started', 'continued', 'usage']);
    const asked = messagesOf(model.requests.at(-1));
    assert.deepEqual(
      asked.map(({ role }) => role),
      ['user', 'assistant', 'user'],
    );
    assert.ok(ANSWER.startsWith(asked[1]?.content ?? '') && asked[1]?.content !== '');
    assert.match(asked[2]?.content ?? '', /cut off/);
  });

  it('restart: says that the text so far is void, and asks as if for the first time', async () => {
    const events = await loseWorker('restart');
    assert.deepEqual(namesOf(events), ['accepted', 'queued', 'started', 'reset', 'usage']);
    const reset = events.findIndex(({ event }) => event === 'reset');
    assert.ok(ANSWER.startsWith(contentOf(events.slice(0, reset))));
    assert.equal(contentOf(events.slice(reset)), ANSWER);
    assert.deepEqual(messagesOf(model.requests.at(-1)), [QUESTION]);
  });

  it('fail: ends with an error, and asks no more', async () => {
    const before = model.requests.length;
    const events = await loseWorker('fail');
    assert.equal(model.requests.length, before + 1);
    const end = events.at(-1);
    assert.equal(end?.event, 'error');
    assert.equal((JSON.parse(end?.data ?? '') as { code: string }).code, 'worker_lost');
    assert.ok(!events.some(({ data }) => data === '[DONE]'));
  });
});

function messagesOf(request: ScriptedModel['requests'][number] | undefined): (typeof QUESTION)[] {
  return (request?.body['messages'] ?? []) as (typeof QUESTION)[];
}

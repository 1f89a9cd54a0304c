import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Usage } from '@sluice/shared/contracts/events';
import { embedText } from '../../dev/offline-model/embedding.ts';
import { collectEvents, contentOf, dataOf, postJson, readEvents, uploadAndWait } from '../helpers/api.ts';
import { begin, chunk, startScriptedModel } from '../helpers/scripted-model.ts';
import type { ScriptedModel } from '../helpers/scripted-model.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

const INVENTED =
  'The siren is heard [1] at eleven miles [7][1]. 汽笛【1、9】在十一英里外[12]可闻。 See `rows[8]` and [3](https://example.org).';
const CHECKED =
  'The siren is heard [1] at eleven miles [1]. 汽笛【1】在十一英里外可闻。 See `rows[8]` and [3](https://example.org).';
const QUESTION = { messages: [{ role: 'user', content: 'How far is the siren heard?' }], knowledge: true };

describe('citations', () => {
  let model: ScriptedModel;
  let stack: TestStack;
  /** Whether the next answer stops in the midst of `[7]`, as if for thought. */
  let isDoomed = false;

  before(async () => {
    model = await startScriptedModel(answer);
    stack = await startStack({ env: { OPENAI_BASE_URL: model.url } });
    const uploaded = await uploadAndWait(stack.url, 'siren.txt', 'The siren is heard at eleven miles.');
    assert.equal(uploaded.status, 200);
  });
  after(async () => {
    await stack[Symbol.asyncDispose]();
    await model[Symbol.asyncDispose]();
  });

  /** Embeds, and answers with inventions: goes on from a partial answer, whose inventions it cannot see. */
  function answer(request: IncomingMessage, response: ServerResponse): void {
    const body = model.requests.at(-1)?.body as {
      input?: string[];
      messages?: { role: string; content: string }[];
    };
    if (request.url === '/v1/embeddings') {
      const data = [body.input ?? []]
        .flat()
        .map((text, index) => ({ index, embedding: [...embedText(text, 384)] }));
      return void response.setHeader('content-type', 'application/json').end(JSON.stringify({ data }));
    }
    const last = body.messages?.at(-1);
    const rest = INVENTED.slice(last?.role === 'assistant' ? alignWith(last.content) : 0);
    const said = isDoomed ? rest.slice(0, rest.indexOf('7]') + 1) : rest;
    begin(response, ...(said.match(/.{1,2}/gsu) ?? []).map((content) => chunk({ content })));
    if (isDoomed) return void (isDoomed = false);
    response.end(`${chunk({}, 'stop')}data: [DONE]\n\n`);
  }

  it('of sources that do not exist leave the stream, and are counted', async () => {
    const events = await collectEvents(
      await postJson(`${stack.url}/api/chat`, { ...QUESTION, stream: true }),
    );
    assert.equal(contentOf(events), CHECKED);
    const usage = JSON.parse(events.find(({ event }) => event === 'usage')?.data ?? '') as Usage;
    assert.equal(usage.dropped_citations, 3);
    const whole = await dataOf<{ content: string; usage: Usage }>(
      await postJson(`${stack.url}/api/chat`, QUESTION),
    );
    assert.deepEqual([whole.content, whole.usage.dropped_citations], [CHECKED, 3]);
  });

  it('are left alone where no knowledge was asked for', async () => {
    const { content, usage } = await dataOf<{ content: string; usage: Usage }>(
      await postJson(`${stack.url}/api/chat`, { ...QUESTION, knowledge: false }),
    );
    assert.deepEqual([content, usage.dropped_citations], [INVENTED, undefined]);
  });

  it('are checked across the death of a worker: one whole answer, nothing twice', async () => {
    isDoomed = true;
    const dying = stack.services.find((service) => service.logs().includes('chat-worker ready'));
    assert.ok(dying);
    const response = await postJson(`${stack.url}/api/chat`, { ...QUESTION, stream: true });
    const events = [];
    for await (const event of readEvents(response)) {
      events.push(event);
      // `[7` is held back.
      if (!contentOf(events).endsWith('eleven miles') || dying.process.signalCode !== null) continue;
      await dying.kill();
      await stack.start('chat-worker');
    }
    assert.equal(contentOf(events), CHECKED);
    assert.equal(events.filter(({ event }) => event === 'continued').length, 1);
  });
});

/** How much of the invented answer the shown one stands for. */
function alignWith(shown: string): number {
  let at = 0;
  for (let i = 0; i < shown.length; at++)
    if (INVENTED[at] === shown[i] && CHECKED.startsWith(shown.slice(0, i + 1))) i++;
  return at;
}

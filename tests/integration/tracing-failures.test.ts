import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dataOf, postJson, uploadAndWait } from '../helpers/api.ts';
import { startCollector } from '../helpers/collector.ts';
import { waitFor } from '../helpers/poll.ts';
import { refuse, startScriptedModel } from '../helpers/scripted-model.ts';
import { startStack } from '../helpers/stack.ts';
import { beginTrace, linesOf } from '../helpers/traces.ts';

const SECRET = 'the-key-of-the-collector';

describe('the trace of a failure', () => {
  it('has the code of each failed request to the model and of what became of it, and no words of others', async () => {
    await using collector = await startCollector();
    await using model = await startScriptedModel(refuse(500), refuse(400));
    await using stack = await startStack({
      services: ['chat-worker'],
      env: {
        OPENAI_BASE_URL: model.url,
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/v1/traces`,
        OTEL_SERVICE_NAME: 'of-another-name',
        OTEL_BSP_SCHEDULE_DELAY: '50',
      },
    });
    const { traceId, headers } = beginTrace();
    const messages = [{ role: 'user', content: 'Who are you?' }];
    const response = await postJson(`${stack.url}/api/chat`, { messages }, headers);
    assert.equal(response.status, 502);
    const spans = await waitFor(
      () => {
        const names = collector.spans.map(({ name }) => name);
        return ['POST /api/chat', 'process chat'].every((name) => names.includes(name))
          ? collector.spans
          : undefined;
      },
      { what: 'the spans of both processes' },
    );
    const failures = spans
      .filter(({ failed }) => failed)
      .map(({ name, attributes }) => `${name}: ${String(attributes['error.type'])}`);
    assert.deepEqual(failures.sort(), [
      'POST /api/chat: model_rejected_request',
      'answer: model_rejected_request',
      'chat offline-chat: model_rejected_request',
      'chat offline-chat: model_unavailable',
      'process chat: model_rejected_request',
    ]);
    assert.ok(spans.every((span) => span.traceId === traceId));
    assert.ok(spans.every((span) => span.service === 'of-another-name'));
    assert.ok(!JSON.stringify(spans).includes('the words of the provider'));
  });
});

describe('the trace of a job that is tried again', () => {
  it('has both tries side by side below the request', async () => {
    await using collector = await startCollector();
    const embedding = Array.from({ length: 384 }, (_, n) => n);
    await using model = await startScriptedModel(refuse(500), (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify({ object: 'list', model: 'm', data: [{ object: 'embedding', index: 0, embedding }] }),
      );
    });
    await using stack = await startStack({
      services: ['ingest-worker'],
      env: {
        OPENAI_BASE_URL: model.url,
        MODEL_TRIES: '1',
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_BSP_SCHEDULE_DELAY: '50',
      },
    });
    const response = await uploadAndWait(stack.url, 'lamp.md', '# Lamp\n\nThe lamp turns twice a minute.');
    assert.equal(response.status, 200);
    const named = (name: string) => collector.spans.filter((span) => span.name === name);
    await waitFor(
      () => named('process ingest').length === 2 && named('POST /api/knowledge/upload').length === 1,
      {
        what: 'the spans of both tries and of the request',
      },
    );
    const [publish] = named('publish ingest');
    const tries = named('process ingest');
    assert.deepEqual(
      tries.map(({ parentId }) => parentId),
      [publish?.spanId, publish?.spanId],
    );
    assert.deepEqual(
      tries.map(({ failed }) => failed),
      [true, false],
    );
    assert.deepEqual(
      named('ingest').map(({ attributes }) => attributes['error.type']),
      ['model_unavailable', undefined],
    );
    assert.equal(new Set(collector.spans.map(({ traceId }) => traceId)).size, 1);
  });
});

describe('tracing that is off', () => {
  it('exports nothing and gives no ids, without an endpoint as well as when it is disabled', async () => {
    await using collector = await startCollector();
    await using stack = await startStack({ services: [] });
    await stack.start('chat-worker', {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_SDK_DISABLED: 'true',
    });
    const { headers } = beginTrace();
    const messages = [{ role: 'user', content: 'Who are you?' }];
    await dataOf(await postJson(`${stack.url}/api/chat`, { messages }, headers));
    const refusal = await postJson(`${stack.url}/api/chat`, {}, headers);
    const { error } = (await refusal.json()) as { error: Record<string, unknown> };
    assert.deepEqual(Object.keys(error).sort(), ['code', 'details', 'request_id']);
    for (const service of stack.services) {
      assert.equal(await service.stop(), 0);
      assert.ok(!service.logs().includes('trace_id'));
    }
    assert.equal(collector.requests.length, 0);
  });
});

describe('a collector that is of no use', () => {
  const env = { OTEL_EXPORTER_OTLP_HEADERS: `x-key=${SECRET}`, OTEL_BSP_SCHEDULE_DELAY: '50' };
  const answersAndDrains = async (endpoint: string) => {
    await using stack = await startStack({
      services: ['chat-worker'],
      env: { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint },
    });
    const messages = [{ role: 'user', content: 'Who are you?' }];
    await dataOf(await postJson(`${stack.url}/api/chat`, { messages }));
    for (const service of stack.services) {
      const begun = performance.now();
      assert.equal(await service.stop(), 0);
      // Two seconds for the last spans, out of 25 for the whole drain.
      assert.ok(performance.now() - begun < 5_000);
      assert.ok(!service.logs().includes(SECRET));
    }
    return stack.services.map(linesOf);
  };

  it('holds nobody back when it is away, which is logged once', async () => {
    const collector = await startCollector();
    await collector[Symbol.asyncDispose]();
    for (const lines of await answersAndDrains(collector.url)) {
      const complaints = lines.filter(({ msg }) =>
        /^(traces cannot be|the collector took)/.test(String(msg)),
      );
      assert.equal(complaints.length, 1, JSON.stringify(complaints));
    }
  });

  it('holds nobody back when it takes traces and does not answer', async () => {
    await using collector = await startCollector({ silent: true });
    for (const lines of await answersAndDrains(collector.url))
      assert.ok(
        lines.some(({ msg }) => String(msg).startsWith('the collector took the last traces too slowly')),
      );
    assert.ok(collector.requests.length > 0);
  });
});

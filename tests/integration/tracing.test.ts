import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { collectEvents, dataOf, postJson, readEvents, uploadAndWait } from '../helpers/api.ts';
import { drawTrace, startCollector } from '../helpers/collector.ts';
import type { Collector } from '../helpers/collector.ts';
import type { ExportedSpan } from '../helpers/otlp.ts';
import { waitFor } from '../helpers/poll.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';
import { beginTrace, linesOf } from '../helpers/traces.ts';

const SECRET = 'the-key-of-the-collector';
const HANDBOOK = '# Foghorn\n\nThe foghorn was replaced in 1931, after the storm took the old one.';
const FOLLOW_UP = [
  { role: 'user', content: 'What is the foghorn?' },
  { role: 'assistant', content: 'A horn that warns ships.' },
  { role: 'user', content: 'When was it replaced?' },
];

describe('tracing', () => {
  let collector: Collector;
  let stack: TestStack;
  const spansOf = (traceId: string) => collector.spans.filter((span) => span.traceId === traceId);
  const spanOf = (traceId: string, name: string) =>
    waitFor(() => spansOf(traceId).find((span) => span.name === name), { what: `the span ${name}` });
  /** The trace, once all of it has come: its services export on their own. */
  const settled = async (traceId: string, names: readonly string[]) => {
    await Promise.all(names.map((name) => spanOf(traceId, name)));
    return drawTrace(collector.spans, traceId);
  };
  const ask = (body: object, headers: Record<string, string> = {}) =>
    postJson(
      `${stack.url}/api/chat`,
      { messages: [{ role: 'user', content: 'Who are you?' }], ...body },
      headers,
    );

  before(async () => {
    collector = await startCollector();
    stack = await startStack({
      tokenDelayMs: 30,
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_HEADERS: `x-key=${SECRET}`,
        OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
        OTEL_BSP_SCHEDULE_DELAY: '50',
      },
    });
    const response = await uploadAndWait(stack.url, 'handbook.md', HANDBOOK);
    assert.equal(response.status, 200);
  });
  after(async () => {
    await stack[Symbol.asyncDispose]();
    await collector[Symbol.asyncDispose]();
  });

  describe('of a streamed chat with retrieval', () => {
    const client = beginTrace();
    let chatId: string;
    let drawn: string;
    const span = (name: string): ExportedSpan => {
      const found = spansOf(client.traceId).filter((one) => one.name === name);
      assert.ok(found[0], name);
      return found.at(-1) as ExportedSpan;
    };

    before(async () => {
      const response = await ask({ messages: FOLLOW_UP, knowledge: true, stream: true }, client.headers);
      chatId = response.headers.get('x-chat-id') ?? '';
      const events = await collectEvents(response);
      assert.equal(events.at(-1)?.data, '[DONE]');
      drawn = await settled(client.traceId, ['POST /api/chat', 'deliver', 'process chat']);
    });

    it('is one tree: gateway, queue, worker, retrieval, model, delivery', () => {
      assert.equal(
        drawn,
        [
          'POST /api/chat (gateway)',
          '  publish chat (gateway)',
          '    process chat (chat-worker)',
          '      answer (chat-worker)',
          '        condense (chat-worker)',
          '          chat offline-chat (chat-worker)',
          '        retrieve (chat-worker)',
          '          embeddings offline-embedding (chat-worker)',
          '          search (chat-worker)',
          '        chat offline-chat (chat-worker)',
          '  deliver (gateway)',
        ].join('\n'),
      );
    });

    it("goes on with the client's trace, and lasts until the last frame has left", () => {
      const request = span('POST /api/chat');
      assert.equal(request.parentId, client.spanId);
      assert.equal(request.kind, 'server');
      assert.equal(request.attributes['http.route'], '/api/chat');
      assert.equal(request.attributes['http.response.status_code'], 200);
      // The model is done before the last record, which is before the last frame. Spans begin at a whole millisecond.
      for (const name of ['deliver', 'chat offline-chat']) assert.ok(request.end + 1 >= span(name).end, name);
    });

    it('says whose and which chat it is', () => {
      for (const { name, attributes } of spansOf(client.traceId))
        assert.equal(attributes['sluice.tenant'], 'default', name);
      for (const name of ['POST /api/chat', 'process chat', 'answer', 'retrieve', 'search', 'deliver'])
        assert.equal(span(name).attributes['sluice.job.id'], chatId, name);
      assert.equal(span('publish chat').attributes['bullmq.job.id'], chatId);
      assert.equal(span('answer').resource['deployment.environment.name'], 'test');
      assert.match(String(span('answer').resource['service.version']), /^\d+\.\d+\.\d+$/);
    });

    it('tells of the model what the conventions of generative AI ask for', () => {
      const { kind, attributes, events, start, end } = span('chat offline-chat');
      assert.equal(kind, 'client');
      assert.equal(attributes['gen_ai.operation.name'], 'chat');
      assert.equal(attributes['gen_ai.request.model'], 'offline-chat');
      assert.deepEqual(attributes['gen_ai.response.finish_reasons'], ['stop']);
      assert.ok(Number(attributes['gen_ai.usage.input_tokens']) > 0);
      assert.ok(Number(attributes['gen_ai.usage.output_tokens']) > 0);
      const first = Number(attributes['gen_ai.response.time_to_first_chunk']);
      assert.ok(first > 0 && first <= (end - start) / 1_000, `${first} s of ${end - start} ms`);
      assert.deepEqual(events, ['first chunk']);
      assert.equal(attributes['server.address'], '127.0.0.1');
    });

    it('tells what was delivered', async () => {
      const replay = await fetch(`${stack.url}/api/chat/${chatId}/events`);
      const events = await collectEvents(replay);
      const { attributes, links } = span('deliver');
      assert.equal(attributes['sluice.delivery.records'], events.length);
      assert.equal(
        attributes['sluice.delivery.deltas'],
        events.filter(({ event, data }) => event === undefined && data !== '[DONE]').length,
      );
      assert.equal(attributes['sluice.delivery.resumed'], false);
      assert.equal(attributes['sluice.delivery.end'], 'done');
      assert.deepEqual(links, []);
    });

    it('has none of what was asked, found and answered', async () => {
      const state = await dataOf<{ content: string }>(await fetch(`${stack.url}/api/chat/${chatId}`));
      const told = JSON.stringify(spansOf(client.traceId));
      assert.match(state.content, /1931/);
      for (const words of ['foghorn', 'replaced', 'storm', '1931', 'handbook', SECRET])
        assert.ok(!told.includes(words), words);
    });

    it('is in the log lines of both processes', async () => {
      const lines = stack.services.flatMap(linesOf).filter(({ trace_id }) => trace_id === client.traceId);
      const find = (service: string, message: string) =>
        lines.find((line) => line['service'] === service && line['msg'] === message);
      assert.equal(find('gateway', 'request')?.['span_id'], span('POST /api/chat').spanId);
      assert.equal(find('chat-worker', 'chat answered')?.['span_id'], span('answer').spanId);
      assert.equal(find('chat-worker', 'chat answered')?.['job_id'], chatId);
    });

    it('is pointed at by the trace of who resumes the stream', async () => {
      const resuming = beginTrace();
      const response = await fetch(`${stack.url}/api/chat/${chatId}/events?after=1-1`, {
        headers: resuming.headers,
      });
      await collectEvents(response);
      const { attributes, links } = await spanOf(resuming.traceId, 'deliver');
      assert.equal(attributes['sluice.delivery.resumed'], true);
      assert.deepEqual(
        links.map(({ traceId }) => traceId),
        [client.traceId],
      );
      const request = await spanOf(resuming.traceId, 'GET /api/chat/:id/events');
      assert.equal(request.parentId, resuming.spanId);
    });

    it('is pointed at by the trace of who repeats the request', async () => {
      const [first, second] = [beginTrace(), beginTrace()];
      const key = { 'idempotency-key': client.traceId };
      const id = (await dataOf<{ id: string }>(await ask({}, { ...first.headers, ...key }))).id;
      assert.equal((await dataOf<{ id: string }>(await ask({}, { ...second.headers, ...key }))).id, id);
      const { links, attributes } = await spanOf(second.traceId, 'deliver');
      assert.deepEqual(
        links.map(({ traceId }) => traceId),
        [first.traceId],
      );
      assert.equal(attributes['sluice.delivery.format'], 'json');
    });
  });

  it('of an upload: gateway, queue, worker, and each stage', async () => {
    const { traceId, headers } = beginTrace();
    const form = new FormData();
    form.append('file', new File(['# Lamp\n\nThe lamp turns twice a minute.'], 'lamp.md'));
    const response = await fetch(`${stack.url}/api/knowledge/upload`, {
      method: 'POST',
      body: form,
      headers: { ...headers, prefer: 'wait=60' },
    });
    assert.equal(response.status, 200);
    assert.equal(
      await settled(traceId, ['POST /api/knowledge/upload', 'process ingest']),
      [
        'POST /api/knowledge/upload (gateway)',
        '  publish ingest (gateway)',
        '    process ingest (ingest-worker)',
        '      ingest (ingest-worker)',
        '        extract (ingest-worker)',
        '        chunk (ingest-worker)',
        '        embed (ingest-worker)',
        '          embeddings offline-embedding (ingest-worker)',
        '        upsert (ingest-worker)',
      ].join('\n'),
    );
    const { attributes } = await spanOf(traceId, 'upsert');
    assert.equal(attributes['sluice.stage.pieces'], 1);
  });

  it('gives each document of a batch a trace of its own, which points at the request', async () => {
    const { traceId, headers } = beginTrace();
    const form = new FormData();
    for (const name of ['one', 'two'])
      form.append('file', new File([`# ${name}\n\nA text of its own.`], `${name}.md`));
    const response = await fetch(`${stack.url}/api/knowledge/batches`, {
      method: 'POST',
      body: form,
      headers,
    });
    assert.equal(response.status, 201, await response.text());
    const ofBatch = (name: string) =>
      collector.spans.filter(
        (span) => span.name === name && span.attributes['sluice.batch.id'] !== undefined,
      );
    const ingested = await waitFor(() => (ofBatch('ingest').length === 2 ? ofBatch('ingest') : undefined), {
      what: 'two documents of a batch',
    });
    const fed = ofBatch('feed');
    assert.equal(new Set(fed.map((span) => span.traceId)).size, 2);
    for (const span of fed) {
      assert.deepEqual(
        span.links.map((link) => link.traceId),
        [traceId],
      );
      assert.equal(span.parentId, '');
    }
    assert.deepEqual(new Set(ingested.map((span) => span.traceId)), new Set(fed.map((span) => span.traceId)));
  });

  it('stays one trace when a worker is killed in the middle of an answer', async () => {
    const { traceId, headers } = beginTrace();
    const victim = stack.services.find(({ process }) =>
      process.spawnargs.some((arg) => arg.includes('chat-worker')),
    );
    const response = await ask({ stream: true }, headers);
    let deltas = 0;
    for await (const event of readEvents(response)) {
      if (event.event !== undefined || ++deltas !== 1) continue;
      await victim?.kill();
      await stack.start('chat-worker');
    }
    await settled(traceId, ['POST /api/chat', 'process chat', 'deliver']);
    const spans = spansOf(traceId);
    const [publish] = spans.filter(({ name }) => name === 'publish chat');
    const [process] = spans.filter(({ name }) => name === 'process chat');
    assert.equal(process?.parentId, publish?.spanId);
    const [answer] = spans.filter(({ name }) => name === 'answer');
    assert.equal(answer?.attributes['sluice.attempt'], 2);
    assert.equal(answer?.attributes['sluice.beginning'], 'continue');
    assert.equal(spans.find(({ name }) => name === 'deliver')?.attributes['sluice.delivery.end'], 'done');
  });

  it('puts its id into the body of an error', async () => {
    const { traceId, headers } = beginTrace();
    const response = await fetch(`${stack.url}/api/knowledge/documents/doc_none/text`, { headers });
    assert.equal(response.status, 404);
    const { error } = (await response.json()) as { error: { trace_id?: string; request_id: string } };
    assert.equal(error.trace_id, traceId);
    const { attributes, failed } = await spanOf(traceId, 'GET /api/knowledge/documents/:id/text');
    assert.equal(attributes['http.response.status_code'], 404);
    assert.equal(attributes['sluice.request.id'], error.request_id);
    assert.equal(failed, false, "a client's mistake is no failure of the server");
  });

  it('is not made of what the client says is not to be sampled, in no process', async () => {
    const [unsampled, sampled] = [beginTrace('00'), beginTrace()];
    await dataOf(await ask({}, unsampled.headers));
    await dataOf(await ask({}, sampled.headers));
    await settled(sampled.traceId, ['POST /api/chat', 'process chat']);
    assert.deepEqual(spansOf(unsampled.traceId), []);
  });

  it('sends the headers for the collector, and logs them nowhere', () => {
    assert.ok(collector.requests.length > 0);
    for (const headers of collector.requests) assert.equal(headers['x-key'], SECRET);
    for (const service of stack.services) assert.ok(!service.logs().includes(SECRET));
  });

  it('makes nothing of what nobody has asked for: no spans of looks into the queue, locks and health', () => {
    const roots = collector.spans.filter(({ parentId }) => parentId === '');
    assert.deepEqual(
      [...new Set(roots.map(({ name }) => name))].filter((name) => !/^(POST|GET) \/api|^feed$/.test(name)),
      [],
    );
  });
});

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { collectEvents, contentOf, dataOf, postJson, readEvents, uploadAndWait } from '../helpers/api.ts';
import { scrape } from '../helpers/metrics.ts';
import { waitFor } from '../helpers/poll.ts';
import type { TestService } from '../helpers/process.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

const TENANT = { tenant: 'default' };
const ask = (url: string, body: object) =>
  postJson(`${url}/api/chat`, {
    messages: [{ role: 'user', content: '你是谁？你能做什么？' }],
    stream: true,
    ...body,
  });

/** One after the other, a chat, a cancelled one, one whose worker is killed, and documents: then every number is known. */
describe('metrics', () => {
  let stack: TestStack;
  let worker: TestService;
  let ingester: TestService;
  before(async () => {
    stack = await startStack({ services: [], tokenDelayMs: 20 });
    worker = await stack.start('chat-worker');
    ingester = await stack.start('ingest-worker');
  });
  after(() => stack[Symbol.asyncDispose]());

  it('count a chat from the request to its last token', async () => {
    const events = await collectEvents(await ask(stack.url, {}));
    const answer = contentOf(events);
    assert.equal(events.at(-1)?.data, '[DONE]');
    await waitFor(async () => (await scrape(worker.url)).sum('sluice_job_run_seconds_count') === 1, {
      what: 'the job to be completed',
    });

    const seen = await scrape(worker.url);
    assert.equal(seen.sum('sluice_job_wait_seconds_count', { queue: 'chat' }), 1);
    assert.equal(seen.sum('sluice_job_run_seconds_count', { queue: 'chat', outcome: 'completed' }), 1);
    assert.equal(seen.sum('sluice_jobs_running'), 0);
    assert.equal(seen.sum('sluice_job_slots', { queue: 'chat' }), 100);
    assert.equal(
      seen.sum('sluice_jobs_ended_total', { work: 'chat', outcome: 'done', code: '', ...TENANT }),
      1,
    );
    const model = { gen_ai_request_model: 'offline-chat' };
    assert.equal(
      seen.sum('gen_ai_client_operation_duration_seconds_count', {
        ...model,
        gen_ai_operation_name: 'chat',
        error_type: '',
      }),
      1,
    );
    assert.equal(seen.sum('gen_ai_client_operation_time_to_first_chunk_seconds_count', model), 1);
    const gaps = seen.sum('gen_ai_client_operation_time_per_output_chunk_seconds_count', model);
    assert.ok(gaps > 5, 'each further token is a gap');
    const paced = seen.sum('gen_ai_client_operation_time_per_output_chunk_seconds_sum', model);
    assert.ok(paced / gaps >= 0.015, `tokens come every 20 ms, not every ${(paced / gaps) * 1_000}`);
    const usage = { ...model, gen_ai_operation_name: 'chat' };
    const inUsageEvent = JSON.parse(events.find(({ event }) => event === 'usage')?.data ?? '') as {
      completion_tokens: number;
    };
    assert.equal(
      seen.sum('gen_ai_client_token_usage_sum', { ...usage, gen_ai_token_type: 'output' }),
      inUsageEvent.completion_tokens,
    );

    const gateway = await scrape(stack.url);
    assert.equal(gateway.sum('sluice_chat_first_token_seconds_count'), 1);
    assert.ok(gateway.sum('sluice_chat_first_token_seconds_sum') > 0);
    const generated = seen.sum('sluice_chat_tokens_generated_total', TENANT);
    assert.ok(generated >= answer.length / 4, `${generated} tokens for ${answer.length} characters`);
    assert.equal(gateway.sum('sluice_chat_tokens_delivered_total', TENANT), generated);
    assert.equal(seen.sum('sluice_chat_tokens_wasted_total'), 0);
    assert.equal(gateway.sum('sluice_streams_open'), 0);
    assert.equal(gateway.sum('sluice_queue_workers', { queue: 'chat' }), 1);
    assert.equal(gateway.sum('sluice_redis_up'), 1);
    assert.equal(gateway.sum('sluice_build_info', { service: 'gateway' }), 1);
  });

  it('tell a stream that is open, and a cancelled chat from one that is done', async () => {
    const wasted = { reason: 'cancelled', ...TENANT };
    const before = await scrape(worker.url);
    const response = await ask(stack.url, { max_tokens: 4_096 });
    const id = response.headers.get('x-chat-id');
    const events = readEvents(response);
    for await (const { event, data } of events) {
      if (event !== undefined || data === '[DONE]') continue;
      assert.equal((await scrape(stack.url)).sum('sluice_streams_open', { stream: 'chat' }), 1);
      // Scrapes of the same second share one look at the queues.
      await waitFor(
        async () =>
          (await scrape(stack.url)).sum('sluice_queue_jobs', { queue: 'chat', state: 'active' }) === 1,
        { what: 'the chat to be counted as active' },
      );
      assert.equal((await scrape(worker.url)).sum('sluice_jobs_running', { queue: 'chat' }), 1);
      await dataOf(await postJson(`${stack.url}/api/chat/${id}/cancel`, {}));
      break;
    }
    await waitFor(async () => (await scrape(worker.url)).sum('sluice_jobs_running') === 0, {
      what: 'the worker to stop',
    });
    const gateway = await scrape(stack.url);
    assert.equal(
      gateway.sum('sluice_jobs_ended_total', { work: 'chat', outcome: 'cancelled', ...TENANT }),
      1,
      'the gateway ended it',
    );
    const after = await scrape(worker.url);
    assert.equal(after.sum('sluice_jobs_ended_total', { outcome: 'cancelled' }), 0);
    assert.equal(
      after.sum('gen_ai_client_operation_duration_seconds_count', { error_type: 'aborted' }),
      1,
      'the request to the model was broken off',
    );
    const generated =
      after.sum('sluice_chat_tokens_generated_total') - before.sum('sluice_chat_tokens_generated_total');
    assert.ok(generated > 0);
    assert.equal(after.sum('sluice_chat_tokens_wasted_total', wasted), generated);
    await waitFor(async () => (await scrape(stack.url)).sum('sluice_streams_open') === 0, {
      what: 'the stream to end',
    });
  });

  it('tell a resumed stream', async () => {
    const response = await ask(stack.url, {});
    const id = response.headers.get('x-chat-id');
    await collectEvents(response);
    const again = await fetch(`${stack.url}/api/chat/${id}/events?after=0-1`);
    await collectEvents(again);
    assert.equal((await scrape(stack.url)).sum('sluice_stream_resumes_total', { stream: 'chat' }), 1);
  });

  it('tell requests by their route, whatever clients make up', async () => {
    await fetch(`${stack.url}/api/chat/chat_0000`);
    await fetch(`${stack.url}/api/chat/chat_0001`);
    await fetch(`${stack.url}/api/knowledge/documents/doc_0001/text`);
    await fetch(`${stack.url}/made/up`);
    await postJson(`${stack.url}/api/chat`, { messages: [] });
    const gateway = await scrape(stack.url);
    const count = (http_route: string, status: number) =>
      gateway.sum('http_server_request_duration_seconds_count', {
        http_route,
        http_response_status_code: String(status),
      });
    assert.equal(count('/api/chat/:id', 404), 2);
    assert.equal(count('/api/knowledge/documents/:id/text', 404), 1);
    assert.equal(count('unmatched', 404), 1);
    assert.equal(count('/api/chat', 400), 1);
    assert.equal(count('/api/chat', 200), 0, 'event streams are not among them');
    assert.equal(count('/api/chat/:id/cancel', 200), 1);
  });

  it('tell the stages of a document, one that failed, and documents by status', async () => {
    await dataOf(await uploadAndWait(stack.url, 'notes.md', '# 水闸\n\n水闸开启时，水位下降。\n'));
    await uploadAndWait(stack.url, 'broken.pdf', '%PDF-1.4 broken');
    const seen = await scrape(ingester.url);
    const stages = ['extract', 'chunk', 'embed', 'upsert'].map((stage) =>
      seen.sum('sluice_ingest_stage_seconds_count', { stage }),
    );
    assert.deepEqual(stages, [2, 1, 1, 1], 'both were extracted, one had anything to go on with');
    const ended = (labels: Record<string, string>) =>
      seen.sum('sluice_jobs_ended_total', { work: 'document', ...TENANT, ...labels });
    assert.equal(ended({ outcome: 'done' }), 1);
    assert.equal(ended({ outcome: 'failed', code: 'corrupt' }), 1);
    assert.equal(seen.sum('sluice_ingest_chunks_total', TENANT), 1);
    assert.equal(seen.sum('sluice_embedding_cache_lookups_total', { result: 'miss' }), 1);
    assert.equal(seen.sum('sluice_embedding_pacer_wait_seconds_count'), 1);
    assert.equal(
      seen.sum('gen_ai_client_operation_duration_seconds_count', {
        gen_ai_operation_name: 'embeddings',
        gen_ai_request_model: 'offline-embedding',
        error_type: '',
      }),
      1,
    );
    const documents = async (status: string) =>
      (await scrape(stack.url)).sum('sluice_documents', { status, ...TENANT });
    await waitFor(async () => (await documents('ready')) === 1 && (await documents('failed')) === 1, {
      what: 'the gateway to see them',
    });
    const list = await dataOf<{ documents: { id: string }[] }>(
      await fetch(`${stack.url}/api/knowledge/documents`),
    );
    for (const { id } of list.documents)
      await fetch(`${stack.url}/api/knowledge/documents/${id}`, { method: 'DELETE' });
    await waitFor(async () => (await documents('ready')) + (await documents('failed')) === 0, {
      what: 'deleted documents to count no longer',
    });
  });

  it('tell a takeover from the survivor, and a wait without workers', async () => {
    await ingester.stop();
    const response = await ask(stack.url, { max_tokens: 4_096 });
    const events = readEvents(response);
    for await (const { event } of events) if (event === undefined) break;
    await worker.kill();
    const held = await ask(stack.url, { max_tokens: 5 });
    await waitFor(
      async () => (await scrape(stack.url)).sum('sluice_queue_oldest_wait_seconds', { queue: 'chat' }) >= 1,
      { what: 'the second chat to have waited for a second' },
    );
    const alone = await scrape(stack.url);
    assert.equal(alone.sum('sluice_queue_jobs', { queue: 'chat', state: 'waiting' }), 1);
    assert.equal(alone.sum('sluice_queue_jobs', { queue: 'chat', state: 'active' }), 1);

    const survivor = await stack.start('chat-worker');
    await collectEvents(held);
    await waitFor(
      async () => (await scrape(survivor.url)).sum('sluice_chat_takeovers_total', { mode: 'continue' }) === 1,
      { timeoutMs: 30_000, what: 'the takeover' },
    );
    assert.equal((await scrape(survivor.url)).sum('sluice_jobs_stalled_total', { queue: 'chat' }), 1);
    assert.equal((await scrape(stack.url)).sum('sluice_queue_oldest_wait_seconds', { queue: 'chat' }), 0);
    await survivor.kill();
  });

  it('tell that Redis is away, and do without its numbers', async () => {
    await stack.redis.stop();
    let gateway = await scrape(stack.url);
    assert.equal(gateway.sum('sluice_redis_up'), 0);
    // Scrapes of the same second share one look.
    await waitFor(
      async () => {
        gateway = await scrape(stack.url);
        return !gateway.samples.some(({ name }) => /^sluice_(queue|documents)/.test(name));
      },
      { what: 'the numbers from before to go: none is better than an old one' },
    );
    assert.ok(gateway.sum('process_resident_memory_bytes') > 0);
  });
});

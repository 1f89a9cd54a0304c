import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { LogRefusedError } from '@sluice/shared/event-log/append';
import { createLog } from '@sluice/shared/event-log/log';
import { LogWriter } from '@sluice/shared/event-log/writer';
import { createLogger } from '@sluice/shared/logger';
import { logRefusals } from '@sluice/shared/metrics/event-log';
import { closeRedis, connectRedis } from '@sluice/shared/redis/connection';
import { dataOf, errorOf, postJson, readEvents } from '../helpers/api.ts';
import { scrape } from '../helpers/metrics.ts';
import { waitFor } from '../helpers/poll.ts';
import { startRedis } from '../helpers/redis.ts';
import { refuse, startScriptedModel } from '../helpers/scripted-model.ts';
import { startStack } from '../helpers/stack.ts';

const question = { messages: [{ role: 'user', content: '你是谁？你能做什么？' }] };

describe('metrics of what goes wrong', () => {
  it('tell a model that fails, by kind, and that it is left alone', async () => {
    await using model = await startScriptedModel(refuse(500));
    await using stack = await startStack({
      services: [],
      env: { OPENAI_BASE_URL: model.url, MODEL_TRIES: '1', MODEL_BREAKER_FAILURES: '2' },
    });
    const worker = await stack.start('chat-worker');
    for (let i = 0; i < 3; i += 1) {
      const error = await errorOf(await postJson(`${stack.url}/api/chat`, question));
      assert.equal(error.code, 'model_unavailable');
    }
    const seen = await scrape(worker.url);
    const labels = { gen_ai_request_model: 'offline-chat' };
    assert.equal(seen.sum('sluice_model_errors_total', { ...labels, kind: 'model_unavailable' }), 3);
    assert.equal(seen.sum('sluice_model_breaker_open', labels), 1);
    assert.equal(
      seen.sum('gen_ai_client_operation_duration_seconds_count', { error_type: 'model_unavailable' }),
      2,
      'the third was not sent',
    );
    assert.equal(
      seen.sum('sluice_jobs_ended_total', { work: 'chat', outcome: 'failed', code: 'model_unavailable' }),
      3,
    );
    await waitFor(
      async () => (await scrape(worker.url)).sum('sluice_job_run_seconds_count', { outcome: 'failed' }) === 3,
      { what: 'the jobs to have failed' },
    );
  });

  it('tell a request refused for a full backlog', async () => {
    await using stack = await startStack({ services: [], env: { CHAT_BACKLOG_LIMIT: '1' } });
    const first = await postJson(`${stack.url}/api/chat`, { ...question, stream: true });
    assert.equal((await postJson(`${stack.url}/api/chat`, question)).status, 503);
    const gateway = await scrape(stack.url);
    assert.equal(gateway.sum('sluice_admission_refusals_total', { queue: 'chat', tenant: 'default' }), 1);
    await first.body?.cancel();
  });

  it('tell a writer that the fence refused, once', async () => {
    await using server = await startRedis();
    const logger = createLogger({ service: 'test', level: 'silent' });
    const redis = connectRedis({ url: server.url, role: 'appender', service: 'test', logger });
    try {
      const log = { tenant: 'default', jobId: 'chat_fenced', retentionMs: 60_000 };
      await createLog(redis, log, { type: 'queued', position: 0 });
      const [stale, owner] = [1, 2].map((attempt) => new LogWriter({ redis, log, attempt }));
      owner?.append({ type: 'started', attempt: 2 });
      await owner?.flushed();
      for (let i = 0; i < 3; i += 1) {
        stale?.append({ type: 'delta', content: 'late' });
        await assert.rejects(stale?.flushed() ?? Promise.resolve(), LogRefusedError);
      }
      const { values } = await logRefusals.get();
      const counted = values.filter(({ value }) => value > 0);
      assert.deepEqual(counted, [{ labels: { reason: 'fenced' }, value: 1 }]);
    } finally {
      await closeRedis(redis);
    }
  });

  it('tell a takeover from the survivor alone, and messages that were missed and read from the log', async () => {
    await using stack = await startStack({ services: [], tokenDelayMs: 50 });
    const stopped = await stack.start('chat-worker');
    const response = await postJson(`${stack.url}/api/chat`, { ...question, stream: true });
    const id = response.headers.get('x-chat-id') ?? '';
    const events = readEvents(response);
    let text = '';
    const read = async (until: (content: string) => boolean) => {
      for (;;) {
        const { done, value } = await events.next();
        if (done) return;
        if (value.event !== undefined || value.data === '[DONE]') continue;
        text += (JSON.parse(value.data) as { content: string }).content;
        if (until(text)) return;
      }
    };
    await read((content) => content !== '');

    const redis = new Redis(stack.redis.url);
    try {
      await redis.client('KILL', 'TYPE', 'pubsub');
    } finally {
      redis.disconnect();
    }
    await waitFor(async () => (await scrape(stack.url)).sum('sluice_stream_gap_fills_total') >= 1, {
      what: 'the gateway to have filled a gap',
    });

    stopped.process.kill('SIGSTOP');
    const successor = await stack.start('chat-worker');
    await read(() => false);
    const state = await dataOf<{ status: string; content: string }>(
      await fetch(`${stack.url}/api/chat/${id}`),
    );
    assert.equal(state.status, 'done');
    assert.equal(text, state.content);
    assert.equal((await scrape(successor.url)).sum('sluice_chat_takeovers_total', { mode: 'continue' }), 1);
    assert.equal((await scrape(successor.url)).sum('sluice_event_log_refusals_total'), 0);
    stopped.process.kill('SIGCONT');
    await waitFor(async () => (await scrape(stopped.url)).sum('sluice_jobs_running') === 0, {
      what: 'the worker that was stopped to notice',
    });
    const late = await scrape(stopped.url);
    assert.equal(late.sum('sluice_jobs_ended_total'), 0);
  });
});

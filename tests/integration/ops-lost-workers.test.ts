import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createClient } from '../../client/src/index.ts';
import type { OpsSnapshot } from '../../client/src/index.ts';
import { collectEvents, contentOf, postJson } from '../helpers/api.ts';
import { waitFor } from '../helpers/poll.ts';
import { refuse, startScriptedModel } from '../helpers/scripted-model.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

const question = {
  stream: true,
  messages: [{ role: 'user', content: 'Which cranes does the harbour have?' }],
};
const codesOf = ({ findings }: OpsSnapshot) => findings.map(({ kind, code }) => `${kind}: ${code}`);

function watcher(stack: TestStack) {
  const { ops } = createClient({ baseUrl: stack.url });
  return async (what: string, holds: (seen: OpsSnapshot) => boolean) => {
    let seen = await ops.snapshot();
    const look = async () => holds((seen = await ops.snapshot()));
    await waitFor(look, { what, timeoutMs: 30_000 }).catch((error: unknown) => {
      throw new Error(`${String(error)} The last snapshot was ${JSON.stringify(seen, undefined, 1)}`);
    });
    return seen;
  };
}

describe('operations when workers are lost', () => {
  it('call a killed worker lost and its job stalled, until another one has taken over', async () => {
    await using stack = await startStack({ services: ['chat-worker'], tokenDelayMs: 300 });
    const seeThat = watcher(stack);
    const worker = stack.services.find(({ process }) =>
      process.spawnargs.some((arg) => arg.includes('chat-worker')),
    );
    const response = await postJson(`${stack.url}/api/chat`, question);
    const reading = collectEvents(response);
    await seeThat('a running chat', ({ queues: [chat] }) => chat?.running === 1);
    await worker?.kill();

    const stalled = await seeThat('a stall', (seen) => codesOf(seen).includes('stall: lost_worker'));
    assert.deepEqual([stalled.queues[0]?.lost, stalled.queues[0]?.jobs.active], [1, 1]);
    const gone = await seeThat('a lost process', ({ processes }) => processes.lost === 1);
    const [lost] = gone.processes.list;
    assert.deepEqual([lost?.state, lost?.pid, lost?.running], ['lost', worker?.process.pid, 1]);
    assert.ok((lost?.heartbeat_age_seconds ?? 0) > 10);
    assert.match(gone.findings[0]?.message ?? '', /There is no other worker/);

    await stack.start('chat-worker');
    const resumed = await seeThat(
      'a takeover',
      ({ queues: [chat] }) => chat?.running === 1 && chat.lost === 0,
    );
    assert.ok(!codesOf(resumed).includes('stall: lost_worker'));
    assert.equal(resumed.processes.lost, 1, 'what was lost is remembered for a while');
    assert.ok(contentOf(await reading).length > 0);
    await seeThat(
      'quiet',
      ({ findings, queues: [chat] }) => findings.length === 0 && chat?.jobs.active === 0,
    );
  });

  it('forget a worker that has said goodbye', async () => {
    await using stack = await startStack({ services: ['ingest-worker'] });
    const seeThat = watcher(stack);
    await seeThat('both', ({ processes }) => processes.alive === 2);
    const worker = stack.services.find(({ process }) =>
      process.spawnargs.some((arg) => arg.includes('ingest-worker')),
    );
    assert.equal(await worker?.stop(), 0);
    const alone = await seeThat('one', ({ processes }) => processes.alive === 1);
    assert.deepEqual(
      alone.processes.list.map(({ service }) => service),
      ['gateway'],
    );
  });

  it('tell starvation: jobs wait, and there is no worker', async () => {
    await using stack = await startStack({ services: [] });
    const seeThat = watcher(stack);
    await (await postJson(`${stack.url}/api/chat`, question)).body?.cancel();
    const seen = await seeThat('starvation', ({ findings }) => findings.length > 0);
    assert.deepEqual(codesOf(seen), ['starvation: no_workers']);
    assert.deepEqual([seen.findings[0]?.queue, seen.findings[0]?.jobs, seen.queues[0]?.lost], ['chat', 1, 0]);
  });
});

describe('recent errors', () => {
  it('carry the request and the job, whichever process they happen in', async () => {
    await using model = await startScriptedModel(refuse(400));
    await using stack = await startStack({ services: ['chat-worker'], env: { OPENAI_BASE_URL: model.url } });
    const seeThat = watcher(stack);
    const headers = { 'x-request-id': 'the-request-that-fails' };
    const streamed = await postJson(`${stack.url}/api/chat`, question, headers);
    await collectEvents(streamed);
    const chatId = streamed.headers.get('x-chat-id');
    const seen = await seeThat('an error', ({ errors }) => errors.length > 0);
    assert.equal(seen.errors.length, 1);
    const { id: _id, at, message, ...error } = seen.errors[0]!;
    assert.deepEqual(error, {
      source: 'chat',
      code: 'model_rejected_request',
      tenant: 'default',
      request_id: 'the-request-that-fails',
      job_id: chatId,
    });
    assert.ok(Math.abs(Date.parse(at) - Date.now()) < 60_000);
    assert.doesNotMatch(message, /the words of the provider/);

    const ids = { chat: 'the-request-for-json', search: 'the-request-that-searches' };
    const answered = await postJson(
      `${stack.url}/api/chat`,
      { ...question, stream: false },
      {
        'x-request-id': ids.chat,
      },
    );
    assert.equal(answered.status, 502);
    await answered.body?.cancel();
    const searched = await postJson(
      `${stack.url}/api/knowledge/search`,
      { query: '水闸' },
      {
        'x-request-id': ids.search,
      },
    );
    assert.equal(searched.status, 502);
    await searched.body?.cancel();
    const all = await seeThat('the search', ({ errors }) =>
      errors.some(({ source }) => source === 'request'),
    );
    assert.deepEqual(
      all.errors.map(({ source, request_id }) => [source, request_id]),
      [
        ['request', ids.search],
        ['chat', ids.chat],
        ['chat', 'the-request-that-fails'],
      ],
      'each once: a chat that fails is noted where it ended, not by the request that waited for it too',
    );
    const usage = await seeThat('usage', ({ tenants }) => tenants[0]?.today.chats === 2);
    assert.equal(usage.tenants[0]?.today.chats_failed, 2);
  });
});

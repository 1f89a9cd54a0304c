import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { get } from 'node:http';
import type { IncomingMessage, RequestListener } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createParser } from 'eventsource-parser';
import type { EventSourceMessage } from 'eventsource-parser';
import { collectEvents, contentOf, postJson, readEvents } from '../helpers/api.ts';
import { scrape } from '../helpers/metrics.ts';
import { waitFor } from '../helpers/poll.ts';
import { begin, chunk, startScriptedModel } from '../helpers/scripted-model.ts';
import type { ScriptedModel } from '../helpers/scripted-model.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

const READERS = 500;
/** More than a system’s socket buffers take by themselves, which is 2 to 3 MB each. */
const PIECES = 2_000;
const PIECE = '春眠不觉晓处处闻啼鸟'.repeat(100);
/** After these, all readers have stopped reading. */
const BEFORE_PAUSE = 20;
/** What a paused reader may cost, garbage included; each has 6 MB to come. About a quarter of it is alive. */
const MAX_BYTES_EACH = 1024 ** 2;

const hasProc = existsSync('/proc/self/status');
const residentBytes = (pid: number | undefined) =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;

const openFiles = (pid: number | undefined) => readdirSync(`/proc/${pid}/fd`).length;

/** The events that a connection which was cut off has still to give. */
async function readWhatIsLeft(reader: IncomingMessage | undefined): Promise<EventSourceMessage[]> {
  assert.ok(reader);
  const events: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => events.push(event) });
  const decoder = new TextDecoder();
  reader.on('data', (bytes: Buffer) => parser.feed(decoder.decode(bytes, { stream: true })));
  reader.resume();
  if (!reader.closed) await new Promise((resolve) => reader.once('close', resolve));
  return events;
}

describe(
  'readers that stop reading',
  { skip: hasProc ? false : 'needs /proc to read a process’s memory' },
  () => {
    let model: ScriptedModel;
    let stack: TestStack;
    const isPaused = Promise.withResolvers<void>();

    const writeAnswer: RequestListener = (_request, response) => {
      const write = async () => {
        begin(response);
        for (let piece = 0; piece < PIECES; piece += 1) {
          if (piece === BEFORE_PAUSE) await isPaused.promise;
          if (!response.write(chunk({ content: PIECE }))) await once(response, 'drain');
          await delay(2);
        }
        response.end(`${chunk({}, 'stop')}data: [DONE]\n\n`);
      };
      void write();
    };

    before(async () => {
      model = await startScriptedModel(writeAnswer);
      stack = await startStack({ services: ['chat-worker'], env: { OPENAI_BASE_URL: model.url } });
    });
    after(async () => {
      await stack[Symbol.asyncDispose]();
      await model[Symbol.asyncDispose]();
    });

    it('cost bounded memory, slow nobody, are cut off and resume', async (t) => {
      const whole = PIECE.repeat(PIECES);
      const question = { messages: [{ role: 'user', content: 'Go on.' }], max_tokens: 4_096, stream: true };
      const watched = await postJson(`${stack.url}/api/chat`, question);
      const id = watched.headers.get('x-chat-id') ?? '';
      const url = `${stack.url}/api/chat/${id}/events`;

      const readers: IncomingMessage[] = [];
      for (let n = 0; n < READERS; n += 1) {
        const [reader] = (await once(get(url, { agent: false }), 'response')) as [IncomingMessage];
        // It is cut off later, which is no failure of the test.
        reader.pause().on('error', () => {});
        readers.push(reader);
      }
      const before = residentBytes(stack.gateway.process.pid);
      isPaused.resolve();

      let most = before;
      let events = 0;
      let text = '';
      for await (const event of readEvents(watched)) {
        events += 1;
        if (event.event === undefined && event.data !== '[DONE]')
          text += (JSON.parse(event.data) as { content: string }).content;
        if (events % 50 === 0) most = Math.max(most, residentBytes(stack.gateway.process.pid));
      }
      assert.ok(text === whole, 'the reader that goes on has it all');
      const growth = most - before;
      t.diagnostic(
        `${Math.round(growth / 1024 ** 2)} MB more for ${READERS} paused readers of ${whole.length} characters`,
      );
      assert.ok(growth < READERS * MAX_BYTES_EACH, `the gateway grew by ${growth} bytes`);

      await waitFor(() => openFiles(stack.gateway.process.pid) < READERS / 5, {
        what: 'the slow readers to be cut off',
        timeoutMs: 50_000,
      });
      const cut = (await scrape(stack.url)).sum('sluice_stream_slow_readers_cut_total');
      assert.ok(cut > READERS / 2 && cut <= READERS, `${cut} readers are counted as cut off`);
      const had = await readWhatIsLeft(readers[0]);
      assert.ok(had.length > 0 && !had.some(({ data }) => data === '[DONE]'), 'it was cut off in the midst');
      const rest = await collectEvents(await fetch(`${url}?after=${had.at(-1)?.id}`));
      assert.ok(contentOf([...had, ...rest]) === whole, 'and nothing is lost');
      for (const reader of readers) reader.destroy();
    });
  },
);

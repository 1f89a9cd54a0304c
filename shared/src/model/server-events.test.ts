import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readServerEvents } from './server-events.ts';

async function read(text: string, bytesPerRead: number): Promise<{ data: string[]; batches: number }> {
  const bytes = Buffer.from(text);
  async function* body() {
    for (let at = 0; at < bytes.length; at += bytesPerRead) yield bytes.subarray(at, at + bytesPerRead);
  }
  const data: string[] = [];
  let batches = 0;
  for await (const events of readServerEvents(body())) {
    batches += 1;
    data.push(...events.map((event) => event.data));
  }
  return { data, batches };
}

describe('server events of a model', () => {
  const STREAM =
    ': hello\n\ndata: {"a":"春眠"}\n\ndata:{"b":"😀"}\r\n\r\nevent: x\ndata: two\ndata: lines\n\n';
  const DATA = ['{"a":"春眠"}', '{"b":"😀"}', 'two\nlines'];

  it('are the same however the bytes are cut', async () => {
    for (let size = 1; size <= STREAM.length; size += 1)
      assert.deepEqual((await read(STREAM, size)).data, DATA, `${size} bytes a read`);
  });

  it('come together when one read brought them', async () => {
    assert.deepEqual(await read(STREAM, 1_000), { data: DATA, batches: 1 });
  });

  it('count without the blank line after the last one, whole', async () => {
    assert.deepEqual((await read('data: 1\n\ndata: [DONE]', 5)).data, ['1', '[DONE]']);
    assert.deepEqual((await read('data: 1\n\ndata: 2\n', 5)).data, ['1', '2']);
    assert.deepEqual((await read('', 5)).data, []);
  });

  it('are refused when one never ends', async () => {
    await assert.rejects(read(`data: ${'x'.repeat(5 * 1024 * 1024)}`, 64 * 1024), /buffer/i);
  });
});

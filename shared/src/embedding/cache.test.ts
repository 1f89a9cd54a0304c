import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import { createLogger } from '../logger.ts';
import { embedThroughCache, openEmbeddingCache } from './cache.ts';

const DIMENSIONS = 384;
const scope = { tenant: 'acme', space: { model: 'm', dimensions: DIMENSIONS } };
const vectorOf = (n: number) => new Float32Array(DIMENSIONS).fill(n);

describe('embedding cache', () => {
  let folder: string;
  const lines: string[] = [];
  const logger = createLogger({
    service: 'test',
    level: 'warn',
    destination: { write: (line) => void lines.push(line) },
  });
  before(() => (folder = mkdtempSync(join(tmpdir(), 'sluice-cache-'))));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const open = (name: string, options: { maxBytes?: number; now?: () => number } = {}) =>
    openEmbeddingCache({ path: join(folder, name, 'c.db'), maxBytes: 2 ** 24, logger, ...options });

  it('gives the vectors back, also to another process and after a restart', () => {
    using first = open('shared');
    first.put(scope, ['春眠不觉晓', 'b'], [vectorOf(1), vectorOf(2)]);
    using second = open('shared');
    assert.deepEqual(second.get(scope, ['b', 'unknown', '春眠不觉晓']), [
      vectorOf(2),
      undefined,
      vectorOf(1),
    ]);
  });

  it('keeps tenants, models and dimensions apart', () => {
    using cache = open('apart');
    cache.put(scope, ['a'], [vectorOf(1)]);
    for (const other of [
      { ...scope, tenant: 'other' },
      { ...scope, space: { ...scope.space, model: 'n' } },
      { ...scope, space: { ...scope.space, dimensions: 8 } },
    ])
      assert.deepEqual(cache.get(other, ['a']), [undefined]);
  });

  it('stays within its bound: the least recently used go first', () => {
    const maxBytes = 2_000_000;
    let now = 1e12;
    using cache = open('bound', { maxBytes, now: () => now });
    cache.put(scope, ['kept'], [vectorOf(7)]);
    for (let round = 0; round < 40; round += 1) {
      now += 4_000_000;
      assert.deepEqual(cache.get(scope, ['kept']), [vectorOf(7)], `in round ${round}`);
      const texts = Array.from({ length: 64 }, (_, n) => `${round} ${n}`);
      cache.put(
        scope,
        texts,
        texts.map(() => vectorOf(round)),
      );
    }
    assert.deepEqual(cache.get(scope, ['0 0', '39 63']), [undefined, vectorOf(39)]);
    const { size } = statSync(join(folder, 'bound', 'c.db'));
    assert.ok(size < maxBytes * 1.25, `the file has ${size} bytes`);
  });

  it('is a miss while another process writes, and works again afterwards', () => {
    using cache = open('locked');
    cache.put(scope, ['a'], [vectorOf(1)]);
    const other = new DatabaseSync(join(folder, 'locked', 'c.db'));
    other.exec('begin immediate');
    cache.put(scope, ['b'], [vectorOf(2)]);
    assert.deepEqual(cache.get(scope, ['a', 'b']), [vectorOf(1), undefined]);
    other.exec('rollback');
    other.close();
    cache.put(scope, ['b'], [vectorOf(2)]);
    assert.deepEqual(cache.get(scope, ['b']), [vectorOf(2)]);
  });

  it('gives what it has while another process writes, also when its use cannot be noted', () => {
    let time = 0;
    using cache = open('marked', { now: () => time });
    cache.put(scope, ['a'], [vectorOf(1)]);
    const other = new DatabaseSync(join(folder, 'marked', 'c.db'));
    other.exec('begin immediate');
    time = 86_400_000;
    assert.deepEqual(cache.get(scope, ['a']), [vectorOf(1)]);
    other.exec('rollback');
    other.close();
  });

  it('waits for another process that is making the file, instead of being off from then on', async () => {
    mkdirSync(join(folder, 'made'));
    const maker = new Worker(
      `const { DatabaseSync } = require('node:sqlite');
      const { parentPort, workerData } = require('node:worker_threads');
      const db = new DatabaseSync(workerData);
      db.exec('begin exclusive');
      parentPort.postMessage('locked');
      setTimeout(() => { db.exec('commit'); db.close(); }, 300);`,
      { eval: true, workerData: join(folder, 'made', 'c.db') },
    );
    await once(maker, 'message');
    lines.length = 0;
    using cache = open('made');
    assert.deepEqual(lines, []);
    cache.put(scope, ['a'], [vectorOf(1)]);
    assert.deepEqual(cache.get(scope, ['a']), [vectorOf(1)]);
    await once(maker, 'exit');
  });

  it('is off, and says so once, when its file is broken', async () => {
    using whole = open('broken');
    whole[Symbol.dispose]();
    writeFileSync(join(folder, 'broken', 'c.db'), 'no database'.repeat(2_000));
    lines.length = 0;
    using cache = open('broken');
    const model = { embed: async (texts: readonly string[]) => texts.map(() => vectorOf(3)) };
    for (let i = 0; i < 3; i += 1)
      assert.deepEqual(await embedThroughCache(model, cache, scope, ['a']), [vectorOf(3)]);
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /delete the file/);
  });

  it('has each text embedded once', async () => {
    using cache = open('through');
    const asked: string[][] = [];
    const model = {
      async embed(texts: readonly string[]) {
        asked.push([...texts]);
        return texts.map((text) => vectorOf(text.length));
      },
    };
    const embed = (...texts: string[]) => embedThroughCache(model, cache, scope, texts);
    assert.deepEqual(await embed('a', 'bb', 'a'), [vectorOf(1), vectorOf(2), vectorOf(1)]);
    assert.deepEqual(await embed('ccc', 'bb', 'a'), [vectorOf(3), vectorOf(2), vectorOf(1)]);
    assert.deepEqual(await embed('a'), [vectorOf(1)]);
    assert.deepEqual(asked, [['a', 'bb'], ['ccc']]);
    assert.deepEqual(await embedThroughCache(model, undefined, scope, ['a', 'a']), [
      vectorOf(1),
      vectorOf(1),
    ]);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runIngestKills, WINDOW } from './ingest-kills.ts';

const SEED = Number(process.env['FAULT_SEED'] ?? 1);

describe('killed ingest-workers', () => {
  it(`leave the points of an undisturbed run, and embed little twice (seed ${SEED}; FAULT_SEED=n for another)`, async (t) => {
    const options = { seed: SEED, documents: 5, chunks: 1_200, workers: 2, kills: 4, embeddingMs: 200 };
    const result = await runIngestKills({
      ...options,
      timeoutMs: 120_000,
      progress: (line) => t.diagnostic(line),
    });
    t.diagnostic(JSON.stringify(result));
    assert.ok(result.kills >= 2, `${result.kills} workers were killed while there was work`);
    assert.deepEqual(result.differences, []);
    const { ready = 0, worker_lost: lost = 0, ...others } = result.ends;
    assert.deepEqual(others, {});
    assert.equal(ready + lost, options.documents);
    assert.ok(ready > 0, 'some are ready');
    const most = result.distinctTexts + result.kills * WINDOW;
    assert.ok(result.texts <= most, `${result.texts} texts were embedded, at most ${most} should be`);
  });
});

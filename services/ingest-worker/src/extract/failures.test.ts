import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DocumentError } from '@sluice/shared/errors';
import { explainFailure } from './failures.ts';

const LIMITS = { timeoutMs: 30_000, heapMb: 256, rssMb: 512 };

test('blames the document for what it does, and nobody for a child that never started', () => {
  const died = (cause: 'heap' | 'killed' | 'crash') =>
    explainFailure({ kind: 'died', cause, detail: 'x' }, LIMITS);
  const codes = [died('heap'), died('killed'), died('crash')].map((error) => (error as DocumentError).code);
  assert.deepEqual(codes, ['resource_limit', 'resource_limit', 'corrupt']);
  assert.ok(
    !(explainFailure({ kind: 'died', cause: 'start', detail: 'x' }, LIMITS) instanceof DocumentError),
  );
  assert.ok(!(explainFailure({ kind: 'internal', message: 'bug' }, LIMITS) instanceof DocumentError));
});

test('names the limit in its sentence', () => {
  assert.match(explainFailure({ kind: 'killed', reason: 'timeout' }, LIMITS).message, /30 seconds/);
  assert.match(explainFailure({ kind: 'killed', reason: 'rss' }, LIMITS).message, /512 MB/);
});

test('keeps code, sentence and cause of what the child refused', () => {
  const error = explainFailure(
    { kind: 'refused', code: 'corrupt', message: 'Broken.', cause: 'TypeError: x' },
    LIMITS,
  );
  assert.deepEqual([(error as DocumentError).code, error.message], ['corrupt', 'Broken.']);
  assert.equal((error.cause as Error).message, 'TypeError: x');
});

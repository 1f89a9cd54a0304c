import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createLogger } from '@sluice/shared/logger';
import { loadConfig } from '../../eval/config.ts';
import { acquireEnvironment } from '../../eval/environment.ts';
import type { Environment } from '../../eval/environment.ts';
import { evaluate } from '../../eval/evaluate.ts';
import { findRegressions } from '../../eval/kept.ts';
import type { Report } from '../../eval/kept.ts';
import { formatTable } from '../../eval/table.ts';

/** `npm run eval` measures with the two larger ones too, which take a minute. */
const SMALL_SETS = ['xquad-en', 'xquad-zh', 'chunking-eval'];
const DATASETS = join(import.meta.dirname, '../../../shared/datasets');

describe('retrieval quality', () => {
  const stack = new AsyncDisposableStack();
  let environment: Environment;
  before(async () => {
    // SQLite and the offline model, whatever this machine has: what is kept was measured with them.
    const logger = createLogger({ service: 'eval', level: 'warn' });
    environment = await acquireEnvironment(stack, loadConfig({}), logger);
  });
  after(() => stack.disposeAsync());

  const measure = async (name: string): Promise<Report> => {
    const [report] = await evaluate(environment, name, DATASETS, { size: 500, overlap: 50 });
    assert.ok(report, `the data set ${name} is not there`);
    console.log(formatTable([report]));
    return report;
  };

  it('is what was kept, on the shipped set', async () => {
    assert.deepEqual(findRegressions([await measure('shipped')]), []);
  });

  it('says that a Qdrant does not answer, and measures without it', async () => {
    const lines: string[] = [];
    const destination = { write: (line: string) => void lines.push(line) };
    await using own = new AsyncDisposableStack();
    const { stores } = await acquireEnvironment(
      own,
      // A port that nothing listens on.
      loadConfig({ QDRANT_URL: 'http://127.0.0.1:9' }),
      createLogger({ service: 'eval', level: 'warn', destination }),
    );
    assert.deepEqual(
      stores.map(({ name }) => name),
      ['sqlite'],
    );
    assert.match(lines.join(''), /QDRANT_URL does not answer/);
  });

  for (const name of SMALL_SETS) {
    const isThere = existsSync(join(DATASETS, name));
    const skip = isThere ? false : `NOT MEASURED: ${join(DATASETS, name)} is not there`;
    it(`is what was kept, on ${name}`, { skip }, async () => {
      assert.deepEqual(findRegressions([await measure(name)]), []);
    });
  }

  it('is not taken for kept when it has become worse', async () => {
    const report = await measure('shipped');
    const { dense, bm25 } = report.figures;
    const worse = { ...bm25, 'mrr@10': (bm25['mrr@10'] ?? 0) - 0.01 };
    const [sentence, ...others] = findRegressions([
      { ...report, figures: { ...report.figures, bm25: worse } },
    ]);
    assert.match(sentence ?? '', /^shipped, bm25: mrr@10 is 0\.\d+, was 0\.\d+$/);
    assert.deepEqual(others, []);
    const [first, second] = findRegressions([{ ...report, figures: { dense, bm25, hybrid: dense } }]);
    assert.match(`${first}${second}`, /shipped.*hybrid/);
  });
});

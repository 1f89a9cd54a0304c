import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { runPage } from '../helpers/run-page.ts';
import { startStack } from '../helpers/stack.ts';
import { writeZip } from '../helpers/zip.ts';

describe('docs/knowledge.md', () => {
  it('has examples that run as they are', async () => {
    await using stack = await startStack({ services: ['ingest-worker'] });
    const dir = await mkdtemp(join(tmpdir(), 'sluice-docs-'));
    const files: Record<string, string | Buffer> = {
      'handbook/intro.md': '# Welcome\n\nThe lamp is lit at dusk.',
      'handbook/guides/lamp.md': '# The lamp\n\nIt burns whale oil.',
      'handbook/guides/empty.txt': '',
      'handbook/plan.png': 'x',
      'reports.zip': writeZip([
        { name: '2025/年报.md', content: '# 年报\n\n内容' },
        { name: '2025/photo.jpg', content: 'x' },
      ]),
    };
    try {
      for (const [name, content] of Object.entries(files)) {
        await mkdir(dirname(join(dir, name)), { recursive: true });
        await writeFile(join(dir, name), content);
      }
      await fetch(`${stack.url}/api/knowledge/collections/handbook`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: '{}',
      });
      const stdout = await runPage('docs/knowledge.md', stack.url, dir);
      const expected = [
        /Found 3 files.*Left out, as of other types: 1 \.png\.\n2 indexed, 1 failed\.\n\nFILE +CODE +WHY\nguides\/empty\.txt +empty/,
        /"code":201,.*"name":"reports"/,
        /event: batch\n.*"state":"done".*"ready":2/,
        /"filename":"2025\/photo\.jpg","status":"refused"/,
        /"state":"paused".*\n?.*"pending"/,
        /"documents":\[\{"hash":"[0-9a-f]{64}"/,
        /"items":1,/,
      ];
      for (const pattern of expected) assert.match(stdout, pattern);
      assert.doesNotMatch(stdout, /"code":[45]\d\d/);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});

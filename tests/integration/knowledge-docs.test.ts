import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { startStack } from '../helpers/stack.ts';
import { writeZip } from '../helpers/zip.ts';

const ROOT = join(import.meta.dirname, '../..');

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
      const page = await readFile(join(ROOT, 'docs/knowledge.md'), 'utf8');
      const blocks = [...page.matchAll(/^```sh\n([^]*?)^```/gm)].map(([, block]) => block ?? '');
      const script = blocks
        .join('')
        .replaceAll('http://127.0.0.1:8000', stack.url)
        .replaceAll('npm run ingest --', `'${process.execPath}' '${join(ROOT, 'cli/main.ts')}'`);
      const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], {
        cwd: dir,
        env: { PATH: process.env['PATH'], XDG_CACHE_HOME: join(dir, 'cache'), SLUICE_URL: stack.url },
      });
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

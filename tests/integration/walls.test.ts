import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');

/** What each wall must stop, as a file that would breach it. */
const BREACHES: [file: string, code: string][] = [
  ['shared/src/a.ts', `import '../../services/gateway/src/app.ts';`],
  ['shared/src/b.ts', `import '@sluice/chat-worker/src/answer.ts';`],
  ['services/gateway/src/a.ts', `import '../../chat-worker/src/answer.ts';`],
  ['services/gateway/src/b.ts', `import '@sluice/shared/event-log/writer';`],
  ['services/gateway/src/routes/c.ts', `import '@sluice/shared/event-log/append';`],
  ['services/chat-worker/src/a.ts', `import '../../ingest-worker/src/ingest.ts';`],
  ['services/chat-worker/src/b.ts', `import 'express';`],
  ['services/ingest-worker/src/a.ts', `import '../../gateway/src/app.ts';`],
  ['services/ingest-worker/src/b.ts', `export const port = process.env['PORT'];`],
];

describe('walls', () => {
  let dir: string;
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'sluice-walls-'));
    copyFileSync(join(ROOT, '.oxlintrc.json'), join(dir, '.oxlintrc.json'));
    symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
    for (const [file, code] of BREACHES) {
      mkdirSync(dirname(join(dir, file)), { recursive: true });
      writeFileSync(join(dir, file), `${code}\n`);
    }
    writeFileSync(join(dir, 'services/gateway/src/config.ts'), `export const port = process.env['PORT'];\n`);
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  const lint = (file: string) =>
    spawnSync(process.execPath, [join(ROOT, 'node_modules/oxlint/bin/oxlint'), file], {
      cwd: dir,
      encoding: 'utf8',
    });

  for (const [file, code] of BREACHES) {
    it(`stops ${code} in ${file}`, () => {
      const { status, stdout } = lint(file);
      assert.equal(status, 1, stdout);
      assert.match(stdout, /no-restricted-imports|no-process-env/);
    });
  }

  it('lets config.ts read the environment', () => {
    const { status, stdout } = lint('services/gateway/src/config.ts');
    assert.equal(status, 0, stdout);
  });
});

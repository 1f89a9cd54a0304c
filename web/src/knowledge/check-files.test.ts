import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KnowledgeSettings } from '@sluice/client';
import { checkFiles, endingOf, isForBatch, MOST_SINGLE_UPLOADS } from './check-files.ts';

const SETTINGS: KnowledgeSettings = {
  endings: { '.md': 'markdown', '.pdf': 'pdf' },
  file_bytes: 10,
  upload_files: 100,
  batch_upload_files: 1_000,
  archive_bytes: 20,
  archive_unpacked_bytes: 100,
  archive_entries: 10,
  rerank: false,
};
const pick = (path: string, bytes = 1, isNamed = true) => ({
  file: new File(['x'.repeat(bytes)], path.split('/').at(-1) ?? ''),
  path,
  isNamed,
});

describe('check files', () => {
  it('says at once what the server would refuse', () => {
    const picks = [
      pick('手册.MD'),
      pick('a.pdf', 11),
      pick('b.md', 0),
      pick('c.exe'),
      pick('d.zip', 20),
      pick('e.zip', 21),
      pick('constructor'),
    ];
    const { taken, refused, leftOut } = checkFiles(picks, SETTINGS);
    assert.deepEqual(
      taken.map(({ path }) => path),
      ['手册.MD', 'd.zip'],
    );
    assert.deepEqual(
      refused.map(({ picked, code }) => [picked.path, code]),
      [
        ['a.pdf', 'too_large'],
        ['b.md', 'empty'],
        ['c.exe', 'unsupported_type'],
        ['e.zip', 'too_large'],
        ['constructor', 'unsupported_type'],
      ],
    );
    assert.equal(leftOut.size, 0);
  });

  it('counts what folders have of other types by ending, instead of naming each', () => {
    const picks = ['a/1.PNG', 'a/2.png', 'a/README', 'a/3.md'].map((path) => pick(path, 1, false));
    const { taken, refused, leftOut } = checkFiles(picks, SETTINGS);
    assert.deepEqual([taken.length, refused.length], [1, 0]);
    assert.deepEqual(
      [...leftOut],
      [
        ['.png', 2],
        ['?', 1],
      ],
    );
  });

  it('makes a batch of many files, and of archives', () => {
    const few = Array.from({ length: MOST_SINGLE_UPLOADS }, (_, i) => pick(`${i}.md`));
    assert.equal(isForBatch(few), false);
    assert.equal(isForBatch([...few, pick('x.md')]), true);
    assert.equal(isForBatch([pick('x.ZIP')]), true);
  });

  it('finds endings', () => {
    const paths = ['a.tar.gz', 'A.Pdf', 'dir.d/file', '.md', 'a.md ', ''];
    assert.deepEqual(paths.map(endingOf), ['.gz', '.pdf', '', '', '.md', '']);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readDrop, readInput } from './picked-files.ts';
import type { DroppedItem } from './picked-files.ts';

type Tree = { [name: string]: Tree | string };

/** Folders as Chromium gives them: 100 entries at a time. */
function entryOf(name: string, content: Tree | string, parent = ''): FileSystemEntry {
  const fullPath = `${parent}/${name}`;
  if (typeof content === 'string') {
    const file = (resolve: (file: File) => void) => resolve(new File([content], name));
    return { name, fullPath, isDirectory: false, isFile: true, file } as unknown as FileSystemEntry;
  }
  const createReader = () => {
    const left = Object.entries(content).map(([child, below]) => entryOf(child, below, fullPath));
    return { readEntries: (resolve: (some: FileSystemEntry[]) => void) => resolve(left.splice(0, 100)) };
  };
  return { name, fullPath, isDirectory: true, isFile: false, createReader } as unknown as FileSystemEntry;
}

const dropped = (name: string, content: Tree | string): DroppedItem => ({
  kind: 'file',
  getAsFile: () => (typeof content === 'string' ? new File([content], name) : null),
  webkitGetAsEntry: () => entryOf(name, content),
});

describe('picked files', () => {
  it('finds the files of dropped folders to the bottom, in order, without hidden ones', async () => {
    const many = Object.fromEntries(Array.from({ length: 250 }, (_, i) => [`f${i}.txt`, 'x']));
    const folder = {
      年报: { 'b.md': 'b', 'a.md': 'a', '.git': { config: 'x' } },
      many,
      '.DS_Store': 'x',
      'Thumbs.db': 'x',
    };
    const picked = await readDrop([
      dropped('手册', folder),
      dropped('one.pdf', 'pdf'),
      { kind: 'string', getAsFile: () => null, webkitGetAsEntry: () => null },
    ]);
    assert.equal(picked.length, 250 + 3);
    const paths = picked.map(({ path }) => path);
    assert.deepEqual(paths.slice(-3), ['手册/年报/a.md', '手册/年报/b.md', 'one.pdf']);
    assert.deepEqual(
      picked.slice(-2).map(({ isNamed }) => isNamed),
      [false, true],
    );
    assert.equal(await picked.at(-3)?.file.text(), 'a');
  });

  it('tells files of a folder input from files by themselves, and keeps a hidden one that was chosen', () => {
    const inFolder = (path: string) =>
      Object.assign(new File(['x'], path.split('/').at(-1) ?? ''), { webkitRelativePath: path });
    assert.deepEqual(
      readInput([inFolder('a/b.md'), inFolder('a/.env'), inFolder('a/__MACOSX/c.md')]).map(
        ({ path }) => path,
      ),
      ['a/b.md'],
    );
    const alone = readInput([
      inFolder(''),
      Object.assign(new File(['x'], '.notes.md'), { webkitRelativePath: '' }),
    ]);
    assert.deepEqual(
      alone.map(({ path, isNamed }) => [path, isNamed]),
      [
        ['', true],
        ['.notes.md', true],
      ],
    );
  });
});

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import { findFiles, listAnchors, listLinks, readPage, ROOT } from './pages.ts';

/** Pages that list others: what is in one of them is found from docs/README.md. */
const INDEXES = ['docs/README.md', 'docs/decisions/README.md'];

const isExternal = (target: string) => /^[a-z][a-z\d+.-]*:|^\/\//i.test(target);

function resolveLink(page: string, target: string): { path: string; anchor: string | undefined } {
  const [path = '', anchor] = decodeURI(target).split('#');
  return { path: path === '' ? page : normalize(join(dirname(page), path)), anchor };
}

function findFault(page: string, target: string): string | undefined {
  const { path, anchor } = resolveLink(page, target);
  if (path.startsWith('..')) return `${page}: ${target} leads out of the repository`;
  if (!existsSync(join(ROOT, path))) return `${page}: ${target} leads to no file`;
  if (anchor === undefined || !path.endsWith('.md')) return undefined;
  return listAnchors(readPage(path)).has(anchor) ? undefined : `${page}: ${target} leads to no heading`;
}

describe('documentation', () => {
  const pages = findFiles('.md');

  it('has links that lead somewhere', () => {
    assert.ok(pages.includes('docs/configuration.md') && pages.includes('README.md'));
    const faults = pages.flatMap((page) =>
      listLinks(readPage(page))
        .filter((target) => !isExternal(target))
        .map((target) => findFault(page, target)),
    );
    assert.deepEqual(
      faults.filter((fault) => fault !== undefined),
      [],
    );
  });

  it('is found from docs/README.md, every page', () => {
    const listed = new Set(
      INDEXES.flatMap((index) =>
        listLinks(readPage(index))
          .filter((target) => !isExternal(target))
          .map((target) => resolveLink(index, target).path),
      ),
    );
    const lost = pages.filter((page) => page.startsWith('docs/') && page !== INDEXES[0] && !listed.has(page));
    assert.deepEqual(lost, [], 'Give each of these pages a line in docs/README.md.');
  });

  it('is there under the names that the code and the configuration give', () => {
    const faults = findFiles(
      '.ts',
      '.mjs',
      '.vue',
      '.yml',
      '.yaml',
      '.json',
      '.example',
      'Dockerfile',
    ).flatMap((file) =>
      [...readPage(file).matchAll(/(?<![\w/.-])docs\/[\w/.-]+\.md/g)]
        .filter(([page]) => !existsSync(join(ROOT, page)))
        .map(([page]) => `${file}: there is no ${page}`),
    );
    assert.deepEqual(faults, []);
  });
});

describe('link checker', () => {
  it('knows anchors as GitHub makes them', () => {
    const page =
      '# A `B` c, d: 中文！\n\n## Same\n\n## Same\n\n```sh\n# no heading\n```\n### [Link](x.md)_y\n';
    assert.deepEqual([...listAnchors(page)], ['a-b-c-d-中文', 'same', 'same-1', 'link_y']);
  });

  it('finds files and headings that are not there, and looks into no code', () => {
    const links = listLinks('[a](nowhere.md) `[b](x.md)` ![c](README.md#nothing)\n```\n[d](y.md)\n```\n');
    assert.deepEqual(links, ['nowhere.md', 'README.md#nothing']);
    assert.match(findFault('README.md', 'nowhere.md') ?? '', /no file/);
    assert.match(findFault('README.md', '#nothing') ?? '', /no heading/);
    assert.match(findFault('README.md', '../x.md') ?? '', /out of the repository/);
  });
});

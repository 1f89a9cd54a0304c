import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const ROOT = dirname(dirname(import.meta.dirname));

/** Folders that hold what others wrote, or what is made here. */
const LEFT_OUT = new Set(['node_modules', '.git', 'data', 'dist', 'coverage', 'screenshots']);

/** Files of the repository with one of these endings, as paths from its root. */
export function findFiles(...endings: string[]): string[] {
  const entries = readdirSync(ROOT, {
    recursive: true,
    withFileTypes: true,
  });
  return entries
    .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1))
    .filter((path) => !path.split('/').some((folder) => LEFT_OUT.has(folder)))
    .sort();
}

export const readPage = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** The page without fenced code and code spans, in which nothing is a link or a heading. */
export function stripCode(page: string): string {
  return page
    .replace(/^(```+|~~~+)[^]*?^\1/gm, '')
    .replace(/(`+)[^`\n]+\1/g, (span) => span.replace(/[[\]()#]/g, ' '));
}

/** What `[text](target)` and `![text](target)` point to, in order. */
export function listLinks(page: string): string[] {
  return [...stripCode(page).matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g)].map(([, target]) => target!);
}

/** The anchors of a page's headings, as GitHub makes them. */
export function listAnchors(page: string): Set<string> {
  const anchors = new Set<string>();
  const withoutFences = page.replace(/^(```+|~~~+)[^]*?^\1/gm, '');
  for (const [, heading] of withoutFences.matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const text = heading!.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');
    const slug = text
      .toLowerCase()
      .replace(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '')
      .replaceAll(' ', '-');
    let anchor = slug;
    for (let n = 1; anchors.has(anchor); n += 1) anchor = `${slug}-${n}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** A line that begins what a program writes, and one that ends it. */
const BEGIN = /^<!-- Written by .* -->$/m;
const END = '<!-- From here on by hand. -->';

/** Puts sections between the marks of a page; what is around them is kept by hand. */
export function replaceGenerated(page: string, sections: readonly string[]): string {
  const begin = BEGIN.exec(page);
  const end = page.indexOf(END);
  if (!begin || end < begin.index)
    throw new Error(`The page must have the lines <!-- Written by … --> and ${END}`);
  return page.slice(0, begin.index) + [begin[0], ...sections, page.slice(end)].join('\n\n');
}

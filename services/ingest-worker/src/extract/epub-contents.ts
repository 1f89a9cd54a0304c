import { resolvePath } from './paths.ts';
import { readXml } from './xml.ts';

/**
 * The titles of chapters by their path, from the table of contents of EPUB 3 (a page with `nav`) or of EPUB 2 (NCX). A
 * path that has several keeps the first.
 */
export function readContents(xml: string, base: string): Map<string, string> {
  const titles = new Map<string, string>();
  let target = '';
  let label = '';
  let isLabel = false;
  const add = (): void => {
    const title = label.replace(/\s+/g, ' ').trim();
    if (target && title && !titles.has(target)) titles.set(target, title);
    target = '';
    label = '';
  };
  readXml(xml, {
    open(tag, { href = '', src = '' }) {
      if (tag === 'a') {
        target = resolvePath(href, base);
        label = '';
      }
      if (tag === 'navLabel') label = '';
      if (tag === 'content') {
        target = resolvePath(src, base);
        add();
      }
      if (tag === 'a' || tag === 'navLabel') isLabel = true;
    },
    text(text) {
      if (isLabel) label += text;
    },
    close(tag) {
      if (tag === 'a') add();
      if (tag === 'a' || tag === 'navLabel') isLabel = false;
    },
  });
  return titles;
}

import { DocumentError } from '@sluice/shared/errors';
import { type Archive, encrypted, openArchive } from './archive.ts';
import type { ExtractedDocument } from './document.ts';
import { readContents } from './epub-contents.ts';
import { convertHtmlToMarkdown } from './html-to-markdown.ts';
import { assertTextLength, isBlank, normalizeText } from './normalize.ts';
import { resolvePath } from './paths.ts';
import { readXml } from './xml.ts';

const EPUB = {
  name: 'an EPUB book',
  repair: 'Open it in Calibre or another editor of books, save it again, and upload the new file.',
  maxMarkupBytes: 64 * 1024 * 1024,
};

/** The package document of a book. */
interface Package {
  /** Paths in reading order. */
  spine: string[];
  /** Path of the table of contents; '' without one. */
  contents: string;
}

/**
 * Extracts a book in its reading order, as Markdown. A chapter without a heading of its own gets the one that the table
 * of contents has for it. Pictures and styles are left out.
 *
 * @throws DocumentError `encrypted` (rights management), `type_mismatch`, `corrupt`, `no_text`,
 * `too_large_uncompressed`.
 */
export async function extractEpub(bytes: Uint8Array): Promise<ExtractedDocument> {
  const archive = await openArchive(bytes, EPUB);
  const { spine, contents } = await readPackage(archive);
  const titles = readContents(await archive.read(contents), contents);
  await assertReadable(archive, spine);
  const chapters: string[] = [];
  let length = 0;
  for (const path of spine) {
    const markdown = convertHtmlToMarkdown(await archive.read(path));
    length += markdown.length;
    assertTextLength(length);
    if (isBlank(markdown)) continue;
    const title = markdown.startsWith('#') ? undefined : titles.get(path);
    chapters.push(title ? `# ${title}\n\n${markdown}` : markdown);
  }
  const text = normalizeText(chapters.join('\n\n'));
  if (isBlank(text)) {
    throw new DocumentError(
      'no_text',
      'The book has no text. If its pages are pictures, run text recognition (OCR) over them and upload the result.',
    );
  }
  return { text, syntax: 'markdown', pages: [] };
}

async function readPackage(archive: Archive): Promise<Package> {
  const path = readPackagePath(await archive.read('META-INF/container.xml'));
  const items = new Map<string, string>();
  const spine: string[] = [];
  let contents = '';
  readXml(await archive.read(path), {
    open(tag, { id = '', href = '', idref, properties, 'media-type': mediaType }) {
      if (tag === 'item') {
        const target = resolvePath(href, path);
        items.set(id, target);
        const isContents = mediaType === 'application/x-dtbncx+xml' || properties?.split(' ').includes('nav');
        if (isContents) contents = target;
      } else if (tag === 'itemref') {
        spine.push(items.get(idref ?? '') ?? '');
      }
    },
  });
  const chapters = [...new Set(spine)].filter((chapter) => archive.has(chapter));
  if (chapters.length === 0) throw archive.corrupt(new Error('no chapters'));
  return { spine: chapters, contents };
}

function readPackagePath(container: string): string {
  let path = '';
  readXml(container, {
    open(tag, attributes) {
      if (tag === 'rootfile') path ||= attributes['full-path'] ?? '';
    },
  });
  return path;
}

/** Fonts may be obfuscated; a chapter that is encrypted cannot be read. */
async function assertReadable(archive: Archive, spine: readonly string[]): Promise<void> {
  const chapters = new Set(spine);
  let isProtected = false;
  readXml(await archive.read('META-INF/encryption.xml'), {
    open(tag, attributes) {
      if (tag === 'CipherReference') isProtected ||= chapters.has(resolvePath(attributes['URI'] ?? '', ''));
    },
  });
  if (isProtected) throw encrypted(EPUB);
}

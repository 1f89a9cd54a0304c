import { DocumentError } from '@sluice/shared/errors';
import type { ExtractedDocument } from './document.ts';
import { decodeMarkup } from './encoding.ts';
import { readHtml } from './html-to-markdown.ts';
import { assertTextLength, isBlank, normalizeText } from './normalize.ts';

/**
 * Extracts a web page as Markdown: its `main` part where it marks one, else all that a reader sees but navigation. The
 * page's title stands above it when it has no heading of the first level.
 *
 * @throws DocumentError `corrupt`, `no_text`, `too_large_uncompressed`.
 */
export function extractHtml(bytes: Uint8Array): ExtractedDocument {
  const { text: html, encoding } = decodeMarkup(bytes);
  const { title, main, body } = readHtml(html);
  const markdown = isBlank(main) ? body : main;
  assertTextLength(markdown.length);
  const content = normalizeText(markdown);
  if (isBlank(content)) {
    throw new DocumentError(
      'no_text',
      'The page holds no text without running its scripts. Open it in a browser, save it as a PDF or as text, and upload that.',
    );
  }
  const heading = normalizeText(title).replace(/\s+/g, ' ').trim();
  const text = heading && !/^# /m.test(content) ? `# ${heading}\n\n${content}` : content;
  return { text, syntax: 'markdown', pages: [], encoding };
}

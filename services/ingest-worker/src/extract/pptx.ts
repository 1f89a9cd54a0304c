import { DocumentError } from '@sluice/shared/errors';
import type { ExtractedDocument, PageSpan } from './document.ts';
import { assertTextLength, isBlank, normalizeText } from './normalize.ts';
import { type OfficeArchive, openOfficeArchive } from './office-archive.ts';
import { readSlide } from './pptx-slide.ts';
import { readXml } from './xml.ts';

const PPTX = {
  name: 'a PowerPoint presentation',
  program: 'PowerPoint',
  ending: '.pptx',
  mainType: 'presentationml.presentation.main',
  mainPath: 'ppt/presentation.xml',
  maxMarkupBytes: 64 * 1024 * 1024,
};

/**
 * Extracts a presentation: each slide is a page with its title as a heading, its texts, tables and diagrams, and the
 * speaker's notes under it. Hidden slides count as pages, but are left out, as pictures and charts are.
 *
 * @throws DocumentError `encrypted`, `type_mismatch`, `corrupt`, `no_text`, `too_large_uncompressed`.
 */
export async function extractPptx(bytes: Uint8Array): Promise<ExtractedDocument> {
  const archive = await openOfficeArchive(bytes, PPTX);
  const paths = await listSlides(archive);
  const pages: PageSpan[] = [];
  let text = '';
  for (const [index, path] of paths.entries()) {
    const slide = normalizeText(await readPage(archive, path));
    if (isBlank(slide)) continue;
    if (text) text += '\n\n';
    pages.push({ page: index + 1, start: text.length, end: text.length + slide.length });
    text += slide;
    assertTextLength(text.length);
  }
  if (!text) {
    throw new DocumentError(
      'no_text',
      'The slides hold no text. If they are pictures, run text recognition (OCR) over them and upload the result.',
    );
  }
  return { text, syntax: 'markdown', pages, pageCount: paths.length };
}

/** The paths of the slides in the order in which they are shown. */
async function listSlides(archive: OfficeArchive): Promise<string[]> {
  const relations = new Map(
    (await archive.relationsOf(archive.mainPath)).map(({ id, target }) => [id, target] as const),
  );
  const paths: string[] = [];
  readXml(await archive.read(archive.mainPath), {
    open(tag, attributes) {
      if (tag === 'sldId') paths.push(relations.get(attributes['r:id'] ?? '') ?? '');
    },
  });
  if (new Set(paths).size < paths.length) throw archive.corrupt(new Error('a slide is shown twice'));
  if (!paths.some((path) => archive.has(path))) throw archive.corrupt(new Error('no slides'));
  return paths;
}

async function readPage(archive: OfficeArchive, path: string): Promise<string> {
  const slide = readSlide(await archive.read(path));
  if (slide.isHidden) return '';
  const relations = await archive.relationsOf(path);
  const textsOf = async (kind: string): Promise<string[]> => {
    const targets = relations.filter((relation) => relation.kind === kind).map(({ target }) => target);
    const parts = await Promise.all([...new Set(targets)].map((target) => archive.read(target)));
    return parts.flatMap((part) => readSlide(part).blocks);
  };
  const notes = await textsOf('notesSlide');
  return [
    ...(slide.title ? [`# ${slide.title}`] : []),
    ...slide.blocks,
    ...(await textsOf('diagramData')),
    ...notes,
  ].join('\n\n');
}

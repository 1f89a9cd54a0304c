import { type ZipEntry, writeZip } from './zip.ts';

const RELATIONSHIP = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const PACKAGE = 'http://schemas.openxmlformats.org/package/2006';
const XML = '<?xml version="1.0" encoding="UTF-8"?>';

/** A part of a document by its path. */
export type Parts = Record<string, string>;

/** A workbook of sheets given as the content of their `sheetData`, `<row>` by `<row>`; `extra` adds or replaces parts. */
export function writeXlsx(sheets: Record<string, string>, extra: Parts = {}): Buffer {
  const names = Object.keys(sheets);
  const list = names.map((name, i) => `<sheet name="${name}" sheetId="${i + 1}" r:id="s${i + 1}"/>`).join('');
  const parts: Parts = {
    '[Content_Types].xml': contentTypes('spreadsheetml.sheet', '/xl/workbook.xml'),
    '_rels/.rels': mainRelation('xl/workbook.xml'),
    'xl/workbook.xml': `${XML}<workbook xmlns:r="${RELATIONSHIP}"><sheets>${list}</sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': relations([
      ...names.map((_, i): Relation => [`s${i + 1}`, 'worksheet', `worksheets/sheet${i + 1}.xml`]),
      ['strings', 'sharedStrings', 'sharedStrings.xml'],
      ['styles', 'styles', '/xl/styles.xml'],
    ]),
  };
  for (const [index, name] of names.entries()) {
    const data = sheets[name] ?? '';
    parts[`xl/worksheets/sheet${index + 1}.xml`] =
      `${XML}<worksheet>${data.includes('<sheetData>') ? data : `<sheetData>${data}</sheetData>`}</worksheet>`;
  }
  return writeParts({ ...parts, ...extra });
}

/** A row of texts. */
export function sheetRow(...texts: string[]): string {
  return `<row>${texts.map((text) => `<c t="inlineStr"><is><t>${text}</t></is></c>`).join('')}</row>`;
}

/** A presentation of slides given as the content of their shape tree; `extra` adds or replaces parts. */
export function writePptx(slides: readonly string[], extra: Parts = {}): Buffer {
  const list = slides.map((_, i) => `<p:sldId id="${256 + i}" r:id="s${i + 1}"/>`).join('');
  const parts: Parts = {
    '[Content_Types].xml': contentTypes('presentationml.presentation', '/ppt/presentation.xml'),
    '_rels/.rels': mainRelation('ppt/presentation.xml'),
    'ppt/presentation.xml': `${XML}<p:presentation xmlns:p="p" xmlns:r="${RELATIONSHIP}"><p:sldIdLst>${list}</p:sldIdLst></p:presentation>`,
    'ppt/_rels/presentation.xml.rels': relations(
      slides.map((_, i): Relation => [`s${i + 1}`, 'slide', `slides/slide${i + 1}.xml`]),
    ),
  };
  for (const [index, shapes] of slides.entries()) {
    parts[`ppt/slides/slide${index + 1}.xml`] = shapes.startsWith('<p:sld')
      ? shapes
      : `${XML}<p:sld xmlns:a="a" xmlns:p="p"><p:cSld><p:spTree>${shapes}</p:spTree></p:cSld></p:sld>`;
  }
  return writeParts({ ...parts, ...extra });
}

/** A shape of paragraphs; `placeholder` is such as `title` or `body`. */
export function slideShape(placeholder: string, ...paragraphs: string[]): string {
  const text = paragraphs.map((paragraph) => `<a:p><a:r><a:t>${paragraph}</a:t></a:r></a:p>`).join('');
  return `<p:sp><p:nvSpPr><p:nvPr><p:ph type="${placeholder}"/></p:nvPr></p:nvSpPr><p:txBody>${text}</p:txBody></p:sp>`;
}

/** A book of chapters given as the body of their pages, in reading order; `extra` adds or replaces parts. */
export function writeEpub(chapters: readonly string[], extra: Parts = {}): Buffer {
  const items = chapters.map(
    (_, i) => `<item id="c${i}" href="text/c${i}.xhtml" media-type="application/xhtml+xml"/>`,
  );
  const spine = chapters.map((_, i) => `<itemref idref="c${i}"/>`);
  const parts: Parts = {
    mimetype: 'application/epub+zip',
    'META-INF/container.xml': `${XML}<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>`,
    'OEBPS/book.opf': `${XML}<package><manifest>${items.join('')}<item id="toc" href="toc.ncx" media-type="application/x-dtbncx+xml"/></manifest><spine>${spine.join('')}</spine></package>`,
  };
  for (const [index, body] of chapters.entries()) {
    parts[`OEBPS/text/c${index}.xhtml`] =
      `${XML}<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "http://www.w3.org/TR/xhtml11/DTD/xhtml11.dtd"><html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body>${body}</body></html>`;
  }
  return writeParts({ ...parts, ...extra });
}

/** Relationships of a part, as `[id, kind, target]`. */
export function relations(list: readonly Relation[]): string {
  const each = list.map(
    ([id, kind, target]) => `<Relationship Id="${id}" Type="${RELATIONSHIP}/${kind}" Target="${target}"/>`,
  );
  return `${XML}<Relationships xmlns="${PACKAGE}/relationships">${each.join('')}</Relationships>`;
}

type Relation = [id: string, kind: string, target: string];

function mainRelation(path: string): string {
  return relations([['main', 'officeDocument', path]]);
}

function contentTypes(type: string, path: string): string {
  const main = `application/vnd.openxmlformats-officedocument.${type}.main+xml`;
  return `${XML}<Types xmlns="${PACKAGE}/content-types"><Override PartName="${path}" ContentType="${main}"/></Types>`;
}

function writeParts(parts: Parts): Buffer {
  return writeZip(Object.entries(parts).map(([name, content]): ZipEntry => ({ name, content })));
}

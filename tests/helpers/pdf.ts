import { deflateSync } from 'node:zlib';

/** Content and further objects of a PDF that a test writes. */
export interface PdfParts {
  /** Content stream of each page; `/F1` is Helvetica. */
  pages: string[];
  /** Entries for the catalog, such as `/AcroForm 20 0 R`. */
  catalog?: string;
  /** Entries for the resources of every page, such as `/XObject << /X0 20 0 R >>`. */
  resources?: string;
  /** Further fonts, such as `/F2 20 0 R`. */
  font?: string;
  /** Entries for every page, such as `/Annots [21 0 R]`. */
  page?: string;
  /** Further objects by number, from 20 on. */
  objects?: Record<number, string>;
}

/** Writes a small PDF with a correct cross-reference table; page 1 is object 1000. */
export function writePdf(parts: PdfParts): Buffer<ArrayBuffer> {
  const { pages, catalog = '', resources = '', font = '', page = '', objects = {} } = parts;
  const kids = pages.map((_, index) => `${1000 + 2 * index} 0 R`).join(' ');
  const body: Record<number, string> = {
    1: `<< /Type /Catalog /Pages 2 0 R ${catalog} >>`,
    2: `<< /Type /Pages /Count ${pages.length} /Kids [${kids}] >>`,
    3: '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
    ...objects,
  };
  for (const [index, content] of pages.entries()) {
    const number = 1000 + 2 * index;
    body[number] =
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents ${number + 1} 0 R ${page} /Resources << /Font << /F1 3 0 R ${font} >> ${resources} >> >>`;
    body[number + 1] = stream('', content);
  }
  return serialize(body);
}

/** A PDF of one page per text, set in lines of 70 characters. Latin text only. */
export function makePdf(pages: readonly string[]): Buffer<ArrayBuffer> {
  const setPage = (text: string) => {
    const lines = text.match(/.{1,70}(?:\s|$)/g) ?? [];
    return lines.map((line, i) => textAt(72, 720 - 14 * i, line.trim())).join('');
  };
  return writePdf({ pages: pages.map(setPage) });
}

/** A stream object, deflated; `entries` go into its dictionary. */
export function stream(entries: string, content: string): string {
  const data = deflateSync(content, { level: 9 }).toString('latin1');
  return `<< ${entries} /Filter /FlateDecode /Length ${data.length} >>\nstream\n${data}\nendstream`;
}

/** A text line of 10 points at a position. */
export function textAt(x: number, y: number, text: string): string {
  return `BT /F1 10 Tf ${x} ${y} Td (${text.replace(/[()\\]/g, '\\$&')}) Tj ET\n`;
}

/** A PDF that draws a form that draws ten forms that draw ten forms, and so on: `content` 10 ** (depth - 1) times. */
export function writeNestedPdf(depth: number, content: string): Buffer<ArrayBuffer> {
  const objects: Record<number, string> = {};
  for (let level = 0; level < depth; level++) {
    const form = `/Type /XObject /Subtype /Form /BBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> /XObject << /X ${21 + level} 0 R >> >>`;
    objects[20 + level] = stream(form, level === depth - 1 ? content : '/X Do\n'.repeat(10));
  }
  return writePdf({ pages: ['/X0 Do'], resources: '/XObject << /X0 20 0 R >>', objects });
}

function serialize(body: Record<number, string>): Buffer<ArrayBuffer> {
  let text = '%PDF-1.7\n';
  const offsets = new Map<number, number>();
  for (const [number, content] of Object.entries(body)) {
    offsets.set(Number(number), text.length);
    text += `${number} 0 obj\n${content}\nendobj\n`;
  }
  const start = text.length;
  text += 'xref\n0 1\n0000000000 65535 f \n';
  for (const [number, offset] of offsets)
    text += `${number} 1\n${String(offset).padStart(10, '0')} 00000 n \n`;
  text += `trailer\n<< /Size ${Math.max(...offsets.keys()) + 1} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`;
  return Buffer.from(text, 'latin1');
}

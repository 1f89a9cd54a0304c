import { Random } from '../faults/harness/random.ts';
import type { HostileInput } from './hostile-inputs.ts';
import { stream, textAt, writeNestedPdf, writePdf } from './pdf.ts';

const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
const TEXT = textAt(72, 700, 'Some text to read');
const plain = (): Buffer => writePdf({ pages: [TEXT, TEXT] });
const change = (from: string, to: string): Buffer =>
  Buffer.from(plain().toString('latin1').replace(from, to), 'latin1');

/** PDFs that are made to do harm, and what must become of them. */
export const HOSTILE_PDFS: HostileInput[] = [
  {
    name: 'a page that draws its text 10^12 times',
    outcome: 'resource_limit',
    killed: true,
    make: () => writeNestedPdf(12, textAt(5, 5, 'again')),
  },
  {
    name: 'a page that unpacks to 400 MB',
    outcome: 'resource_limit',
    killed: true,
    make: () => writePdf({ pages: [' '.repeat(400e6)] }),
  },
  { name: 'a picture as a PDF', outcome: 'type_mismatch', make: () => PNG },
  { name: 'a header and nothing else', outcome: 'corrupt', make: () => '%PDF-1.7\n' },
  { name: 'half a PDF', outcome: 'corrupt', make: () => plain().subarray(0, 500) },
  { name: 'a claim of 10^9 pages', outcome: 'ready', make: () => change('/Count 2', '/Count 999999999') },
  {
    name: 'pages that contain themselves',
    outcome: 'no_text',
    make: () => change('/Kids [1000 0 R', '/Kids [2 0 R'),
  },
  { name: 'a form that draws itself', outcome: 'ready', make: selfDrawing },
  {
    name: 'a table of contents that points to itself',
    outcome: 'ready',
    make: () => change('/Size', '/Prev 0 /Size'),
  },
  {
    name: 'encryption that makes no sense',
    outcome: 'corrupt',
    make: () => change('/Root', '/Encrypt << /Filter /Standard /V 99 >> /Root'),
  },
  { name: 'a script, a link and a file to open', outcome: 'ready', make: active },
  { name: 'a stream that is filtered 1,000 times', outcome: 'ready', make: filtered },
].map((input) => ({ ...input, filename: 'a.pdf' }));

function selfDrawing(): Buffer {
  const form = '/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 20 0 R >> >>';
  const objects = { 20: stream(form, '/X Do') };
  return writePdf({ pages: [`${TEXT}/X Do`], resources: '/XObject << /X 20 0 R >>', objects });
}

function active(): Buffer {
  const catalog =
    '/OpenAction << /S /JavaScript /JS (while\\(true\\){}) >> /AA << /WC << /S /URI /URI (http://127.0.0.1/) >> >> /Names << /EmbeddedFiles << /Names [(a) << /F (file:///etc/passwd) >>] >> >>';
  return writePdf({ pages: [TEXT], catalog });
}

function filtered(): Buffer {
  const pdf = writePdf({ pages: [TEXT, TEXT] }).toString('latin1');
  return Buffer.from(
    pdf.replace('/Filter /FlateDecode', `/Filter [${'/FlateDecode '.repeat(1000)}]`),
    'latin1',
  );
}

/** What becomes of mutated PDFs by their seed; number 57 ends its reader by an error that nothing catches. */
const MUTATED: Record<number, string> = {
  2: 'corrupt',
  3: 'corrupt',
  6: 'ready',
  7: 'no_text',
  8: 'ready',
  12: 'ready',
  15: 'ready',
  16: 'corrupt',
  17: 'ready',
  57: 'corrupt',
};

export const MUTATED_PDFS: HostileInput[] = Object.entries(MUTATED).map(([seed, outcome]) => ({
  name: `a PDF with changes, seed ${seed}`,
  filename: 'a.pdf',
  outcome,
  make: () => mutatePdf(Number(seed)),
}));

/** A PDF with up to 8 places changed, the same for the same seed. */
function mutatePdf(seed: number): Buffer {
  const random = new Random(seed);
  const form = '/Type /XObject /Subtype /Form /BBox [0 0 600 800] /Resources << /Font << /F1 3 0 R >> >>';
  const pages = [0, 1, 2].map((page) => textAt(72, 700, `Page ${page} of some length`).repeat(9) + '/X Do');
  const objects = { 20: stream(form, TEXT) };
  const bytes = writePdf({ pages, resources: '/XObject << /X 20 0 R >>', objects });
  for (let i = random.int(1, 8); i > 0; i--) {
    const at = random.int(0, bytes.length - 1);
    const kind = random.int(1, 4);
    if (kind <= 2) bytes[at] = random.int(0, 255);
    else if (kind === 3) bytes.copyWithin(at, random.int(0, bytes.length - 1), at + 20);
    else bytes.write(String(random.int(0, 1e9)), at, 'latin1');
  }
  return bytes;
}

import { crc32, deflateRawSync } from 'node:zlib';

/** A file of a zip archive. */
export interface ZipEntry {
  /** As bytes when they are not UTF-8, and not marked as that. */
  name: string | Buffer;
  content: string | Uint8Array;
  /** What the headers claim, in bytes, when it is to be a lie. */
  declaredSize?: number;
  /** Whether the headers claim that it is encrypted. */
  isEncrypted?: boolean;
  /** The Unix mode, with the file type; 0 unless given. */
  mode?: number;
}

type LegacyLabel = 'gb18030' | 'big5' | 'shift_jis';
const codeTables = new Map<LegacyLabel, Map<string, number[]>>();

/** Encodes text in an encoding of one or two bytes a character, which TextEncoder does not do. */
export function encodeLegacy(text: string, label: LegacyLabel): Buffer {
  const codes = codeTables.get(label) ?? readCodes(label);
  codeTables.set(label, codes);
  const bytes = Array.from(text).flatMap((character) => {
    const code = codes.get(character);
    if (!code) throw new TypeError(`${label} has no ${character}`);
    return code;
  });
  return Buffer.from(bytes);
}

function readCodes(label: LegacyLabel): Map<string, number[]> {
  const decoder = new TextDecoder(label);
  const codes = new Map<string, number[]>();
  const learn = (...bytes: number[]) => {
    const character = decoder.decode(Uint8Array.from(bytes));
    const isOne = Array.from(character).length === 1 && character !== '\ufffd';
    if (isOne && !codes.has(character)) codes.set(character, bytes);
  };
  for (let first = 0; first <= 0xff; first++) learn(first);
  for (let lead = 0x81; lead <= 0xfe; lead++)
    for (let trail = 0x40; trail <= 0xfe; trail++) learn(lead, trail);
  return codes;
}

/** Writes a zip archive, deflated, in the given order (APPNOTE.TXT 4.3: local headers, directory, end record). */
export function writeZip(entries: ZipEntry[]): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const bytes = Buffer.from(entry.content as Uint8Array);
    const data = deflateRawSync(bytes);
    const name = Buffer.from(entry.name as Buffer);
    const fields = describeEntry(entry, bytes, data);
    const local = Buffer.concat([Buffer.from('504b0304', 'hex'), fields, name, data]);
    const rest = Buffer.alloc(14);
    rest.writeUInt16LE(entry.mode ?? 0, 8);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('504b01021400', 'hex'), fields, rest, name);
    files.push(local);
    offset += local.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = Buffer.alloc(22);
  end.write('504b0506', 'hex');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...files, ...directory, end]);
}

/** The 26 bytes that a local header and a directory entry have in common. */
function describeEntry({ name, declaredSize, isEncrypted }: ZipEntry, bytes: Buffer, data: Buffer): Buffer {
  const fields = Buffer.alloc(26);
  fields.writeUInt16LE(20, 0);
  fields.writeUInt16LE((typeof name === 'string' ? 0x0800 : 0) | (isEncrypted ? 1 : 0), 2);
  fields.writeUInt16LE(8, 4);
  fields.writeUInt32LE(crc32(bytes), 10);
  fields.writeUInt32LE(data.length, 14);
  fields.writeUInt32LE(declaredSize ?? bytes.length, 18);
  fields.writeUInt16LE(Buffer.byteLength(name as string), 22);
  return fields;
}

const CONTENT_TYPES = `<?xml version="1.0" encoding="UTF-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/>
</Types>`;

const RELATIONSHIPS = `<?xml version="1.0" encoding="UTF-8"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/>
</Relationships>`;

/** A .docx whose body is the given WordprocessingML; `prolog` stands before the root element. */
export function writeDocx(body: string, extra: ZipEntry[] = [], prolog = ''): Buffer {
  const document = `<?xml version="1.0" encoding="UTF-8"?>${prolog}<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>${body}</w:body></w:document>`;
  const parts = [
    { name: '[Content_Types].xml', content: CONTENT_TYPES },
    { name: '_rels/.rels', content: RELATIONSHIPS },
    { name: 'word/document.xml', content: document },
  ];
  const replaced = new Set(extra.map((entry) => entry.name));
  return writeZip([...parts.filter((part) => !replaced.has(part.name)), ...extra]);
}

/** A paragraph of plain text, optionally in a named style. */
export function wordParagraph(text: string, styleId?: string): string {
  const style = styleId ? `<w:pPr><w:pStyle w:val="${styleId}"/></w:pPr>` : '';
  return `<w:p>${style}<w:r><w:t xml:space="preserve">${text}</w:t></w:r></w:p>`;
}

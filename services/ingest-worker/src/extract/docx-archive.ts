import { DocumentError } from '@sluice/shared/errors';
import * as yauzl from 'yauzl';

/** A .docx of 872 pages with pictures has 70 entries. */
const MAX_ENTRIES = 5000;

/** Inflated bytes of all entries together; the pictures among them are counted but never inflated. */
const MAX_TOTAL_BYTES = 256 * 1024 * 1024;

/** Inflated bytes of the XML parts, which become a DOM of about 10 times the size; 872 pages have 5.5 million. */
const MAX_XML_BYTES = 64 * 1024 * 1024;

const SIGNATURE_CFB = 'd0cf11e0a1b11ae1';
const SIGNATURE_ZIP = '504b';

/** The XML parts of a .docx by path (`word/document.xml`), decoded. */
export type DocxParts = Map<string, string>;

/**
 * Reads the XML parts of a .docx under limits. Nothing else is inflated, and no reader but this one sees the
 * archive, so that headers which two zip readers understand differently are of no use.
 *
 * @throws DocumentError `encrypted`, `type_mismatch` (a legacy .doc or a macro-enabled document), `corrupt`,
 * `too_large_uncompressed`.
 */
export async function readDocxParts(bytes: Uint8Array): Promise<DocxParts> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.toString('hex', 0, 8) === SIGNATURE_CFB) throw diagnoseOle(buffer);
  if (buffer.toString('hex', 0, 2) !== SIGNATURE_ZIP) throw corruptDocx();
  const parts = await readXmlEntries(buffer).catch((error: unknown) => {
    throw error instanceof DocumentError ? error : corruptDocx(error);
  });
  assertWordDocument(parts);
  return parts;
}

/** The .docx cannot be read; the cause is for the log. */
export function corruptDocx(cause?: unknown): DocumentError {
  return new DocumentError(
    'corrupt',
    'The file is damaged or not a Word document. Open it in Word, save it again as .docx, and upload the new file.',
    { cause },
  );
}

/** An OLE container names its streams in UTF-16; an encrypted .docx has one called EncryptedPackage. */
function diagnoseOle(buffer: Buffer): DocumentError {
  if (buffer.includes(Buffer.from('EncryptedPackage', 'utf16le'))) return encrypted();
  if (!buffer.includes(Buffer.from('WordDocument', 'utf16le'))) return corruptDocx();
  return new DocumentError(
    'type_mismatch',
    'The file is a Word document in the old .doc format. Save it as .docx and upload that.',
  );
}

async function readXmlEntries(buffer: Buffer): Promise<DocxParts> {
  const archive = await yauzl.fromBufferPromise(buffer, { lazyEntries: true });
  if (archive.entryCount > MAX_ENTRIES) throw tooLarge();
  const entries = await listEntries(archive);
  assertDeclaredSizes(entries);
  const parts: DocxParts = new Map();
  for (const entry of entries.filter(isXml)) {
    if (parts.has(entry.fileName)) throw corruptDocx();
    parts.set(entry.fileName, await readXml(archive, entry));
  }
  return parts;
}

async function listEntries(archive: yauzl.ZipFile): Promise<yauzl.Entry[]> {
  const entries: yauzl.Entry[] = [];
  for await (const entry of archive.eachEntry()) entries.push(entry);
  return entries;
}

function assertDeclaredSizes(entries: yauzl.Entry[]): void {
  if (entries.some((entry) => entry.isEncrypted())) throw encrypted();
  const sum = (list: yauzl.Entry[]): number =>
    list.reduce((total, entry) => total + entry.uncompressedSize, 0);
  if (sum(entries) > MAX_TOTAL_BYTES || sum(entries.filter(isXml)) > MAX_XML_BYTES) throw tooLarge();
}

function isXml(entry: yauzl.Entry): boolean {
  return /\.(?:xml|rels)$/i.test(entry.fileName);
}

/** yauzl fails as soon as an entry inflates to more than its header declares, so the declared sizes hold. */
async function readXml(archive: yauzl.ZipFile, entry: yauzl.Entry): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of await archive.openReadStreamPromise(entry)) chunks.push(chunk as Buffer);
  const xml = new TextDecoder().decode(Buffer.concat(chunks));
  // Word writes none; they are the way to external entities and to entities that grow exponentially.
  if (/<!(?:DOCTYPE|ENTITY)/i.test(xml)) throw corruptDocx(new Error(`${entry.fileName} declares a DTD`));
  return xml;
}

function assertWordDocument(parts: DocxParts): void {
  const types = parts.get('[Content_Types].xml');
  if (!types) throw corruptDocx();
  if (types.includes('macroEnabled')) {
    throw new DocumentError(
      'type_mismatch',
      'The file is a Word document with macros (.docm). Save it as .docx and upload that.',
    );
  }
}

function encrypted(): DocumentError {
  return new DocumentError(
    'encrypted',
    'The Word document is protected with a password. Save a copy without password protection and upload that.',
  );
}

function tooLarge(): DocumentError {
  return new DocumentError(
    'too_large_uncompressed',
    'The Word document unpacks to far more data than a real document holds. Split it, or save it again as .docx, and upload that.',
  );
}

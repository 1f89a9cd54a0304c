import { DocumentError } from '@sluice/shared/errors';
import * as yauzl from 'yauzl';
import { decodeMarkup } from './encoding.ts';

/** What the errors of a format that is a zip archive say. */
export interface ArchiveFormat {
  /** As in "the ... is damaged". */
  name: string;
  /** Ends the sentence of a damaged file: what the user can do about it. */
  repair: string;
  /** Inflated bytes of the markup parts that may be read. */
  maxMarkupBytes: number;
}

/** The markup parts of a zip archive by path, as `word/document.xml`. Each is inflated when it is asked for. */
export interface Archive {
  readonly paths: readonly string[];
  has(path: string): boolean;
  /**
   * The decoded text of a part; '' for one that is not there.
   *
   * @throws DocumentError `corrupt`
   */
  read(path: string): Promise<string>;
  /** The error for an archive that makes no sense; the cause is for the log. */
  corrupt(cause?: unknown): DocumentError;
}

/** A .docx of 872 pages with pictures has 70 entries, an illustrated book some hundreds. */
const MAX_ENTRIES = 5000;

/** Inflated bytes of all entries together; the pictures among them are counted but never inflated. */
const MAX_TOTAL_BYTES = 256 * 1024 * 1024;

const SIGNATURE_CFB = 'd0cf11e0a1b11ae1';
const SIGNATURE_ZIP = '504b';
const MARKUP = /\.(?:xml|rels|opf|ncx|x?html?)$/i;

/** Streams that tell what an OLE container is. */
const OLE_STREAMS: Record<string, string> = {
  WordDocument: 'a Word document in the old .doc format. Save it as .docx',
  Workbook: 'an Excel workbook in the old .xls format. Save it as .xlsx',
  'PowerPoint Document': 'a PowerPoint presentation in the old .ppt format. Save it as .pptx',
};

/**
 * Opens an archive under limits. Nothing but markup is ever inflated, archives within it are never opened, and no
 * reader but this one sees it, so that headers which two zip readers understand differently are of no use. Paths that
 * lead out of the archive make it `corrupt`.
 *
 * @throws DocumentError `encrypted`, `type_mismatch` (a legacy Office format), `corrupt`, `too_large_uncompressed`.
 */
export async function openArchive(bytes: Uint8Array, format: ArchiveFormat): Promise<Archive> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const corrupt = (cause?: unknown): DocumentError =>
    new DocumentError('corrupt', `The file is damaged or not ${format.name}. ${format.repair}`, { cause });
  const orCorrupt = (error: unknown): never => {
    throw error instanceof DocumentError ? error : corrupt(error);
  };
  if (buffer.toString('hex', 0, 8) === SIGNATURE_CFB) throw diagnoseOle(buffer, format) ?? corrupt();
  if (buffer.toString('hex', 0, 2) !== SIGNATURE_ZIP) throw corrupt();
  const archive = await yauzl.fromBufferPromise(buffer, { lazyEntries: true }).catch(orCorrupt);
  if (archive.entryCount > MAX_ENTRIES) throw tooLarge(format);
  const entries = await listEntries(archive).catch(orCorrupt);
  assertDeclaredSizes(entries, format);
  const parts = new Map<string, yauzl.Entry>();
  for (const entry of entries.filter(isMarkup)) {
    if (parts.has(entry.fileName)) throw corrupt(new Error(`${entry.fileName} is there twice`));
    parts.set(entry.fileName, entry);
  }
  return {
    paths: [...parts.keys()],
    has: (path) => parts.has(path),
    async read(path) {
      const entry = parts.get(path);
      return entry ? await readMarkup(archive, entry).catch(orCorrupt) : '';
    },
    corrupt,
  };
}

/** An OLE container names its streams in UTF-16; an encrypted Office document has one called EncryptedPackage. */
function diagnoseOle(buffer: Buffer, format: ArchiveFormat): DocumentError | undefined {
  const has = (stream: string): boolean => buffer.includes(Buffer.from(stream, 'utf16le'));
  if (has('EncryptedPackage')) return encrypted(format);
  const found = Object.entries(OLE_STREAMS).find(([stream]) => has(stream))?.[1];
  return found ? new DocumentError('type_mismatch', `The file is ${found} and upload that.`) : undefined;
}

async function listEntries(archive: yauzl.ZipFile): Promise<yauzl.Entry[]> {
  const entries: yauzl.Entry[] = [];
  for await (const entry of archive.eachEntry()) entries.push(entry);
  return entries;
}

function assertDeclaredSizes(entries: yauzl.Entry[], format: ArchiveFormat): void {
  if (entries.some((entry) => entry.isEncrypted())) throw encrypted(format);
  const sum = (list: yauzl.Entry[]): number =>
    list.reduce((total, entry) => total + entry.uncompressedSize, 0);
  const isTooLarge = sum(entries) > MAX_TOTAL_BYTES || sum(entries.filter(isMarkup)) > format.maxMarkupBytes;
  if (isTooLarge) throw tooLarge(format);
}

function isMarkup(entry: yauzl.Entry): boolean {
  return MARKUP.test(entry.fileName);
}

/** yauzl fails as soon as an entry inflates to more than its header declares, so the declared sizes hold. */
async function readMarkup(archive: yauzl.ZipFile, entry: yauzl.Entry): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of await archive.openReadStreamPromise(entry)) chunks.push(chunk as Buffer);
  const { text } = decodeMarkup(Buffer.concat(chunks));
  // The way to external entities and to entities that grow exponentially. Books name a DTD, which nothing here reads.
  if (/<!(?:ENTITY|DOCTYPE[^>[]{0,500}\[)/i.test(text))
    throw new Error(`${entry.fileName} declares entities`);
  return text;
}

/** The document is protected with a password or by rights management. */
export function encrypted({ name }: Pick<ArchiveFormat, 'name'>): DocumentError {
  return new DocumentError(
    'encrypted',
    `The file is ${name} that is protected with a password or by rights management. Save a copy without protection and upload that.`,
  );
}

function tooLarge({ name }: ArchiveFormat): DocumentError {
  return new DocumentError(
    'too_large_uncompressed',
    `The file unpacks to far more data than ${name} really holds. Split it, or save it again, and upload that.`,
  );
}

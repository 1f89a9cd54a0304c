import { detect } from 'jschardet';

/** Text together with the encoding that it was decoded from. */
export interface DecodedText {
  text: string;
  /** Lower-case name; `utf-16` and `utf-32` stand for both byte orders. */
  encoding: string;
}

/** Bytes that the detector sees, from the first byte that is not ASCII on. */
const SAMPLE_BYTES = 64 * 1024;

/**
 * Below this confidence jschardet 4 is guessing: it takes 24 bytes of Latin-1 for Windows-1250 with 0.03, and
 * "ä ö ü" for ISO-8859-5 with 0.12.
 */
const MIN_CONFIDENCE = 0.2;

/** jschardet's names, lower-case, where TextDecoder has another one for the same encoding or its superset. */
const DECODER_NAMES: Record<string, string> = {
  gb2312: 'gb18030',
  gbk: 'gb18030',
  cp936: 'gb18030',
  big5hkscs: 'big5',
  cp932: 'shift_jis',
  cp949: 'euc-kr',
};

/** Encodings in which bytes that decode without an error are hardly ever anything else. */
const MULTI_BYTE = new Set(['gb18030', 'big5', 'shift_jis', 'euc-jp', 'euc-kr']);

/** One in so many characters beyond ASCII may be broken in a text that still counts as UTF-8. */
const TOLERANCE = 100;

/** Bytes in which a page or XML part names its encoding (the HTML standard asks for 1,024). */
const DECLARATION_BYTES = 4096;
const DECLARED = /(?:charset|encoding)\s{0,9}=\s{0,9}["']?([\w-]{1,40})/i;

/**
 * Decodes by byte order mark, then strict UTF-8, then UTF-8 with hardly a broken byte, then as the text declares
 * itself, then detection, then as Windows-1252. Never fails.
 *
 * @param declared name of the encoding that the text gives itself, if it does; one that is unknown is ignored
 */
export function decodeText(bytes: Uint8Array, declared?: string): DecodedText {
  return (
    decodeByMark(bytes) ??
    decodeUtf8(bytes) ??
    decodeDamagedUtf8(bytes) ??
    decodeDeclared(bytes, declared) ??
    decodeDetected(bytes) ??
    decodeWestern(bytes)
  );
}

/** Decodes HTML or XML, which may declare its encoding. Never fails. */
export function decodeMarkup(bytes: Uint8Array): DecodedText {
  const head = Buffer.from(bytes.subarray(0, DECLARATION_BYTES)).toString('latin1');
  return decodeText(bytes, DECLARED.exec(head)?.[1]);
}

function decodeByMark(bytes: Uint8Array): DecodedText | undefined {
  const mark = Buffer.from(bytes.subarray(0, 4)).toString('hex');
  if (mark === 'fffe0000') return { text: decodeUtf32(bytes, true), encoding: 'utf-32' };
  if (mark === '0000feff') return { text: decodeUtf32(bytes, false), encoding: 'utf-32' };
  if (mark.startsWith('fffe')) return { text: new TextDecoder('utf-16le').decode(bytes), encoding: 'utf-16' };
  if (mark.startsWith('feff')) return { text: new TextDecoder('utf-16be').decode(bytes), encoding: 'utf-16' };
  if (mark.startsWith('efbbbf')) return { text: new TextDecoder().decode(bytes), encoding: 'utf-8' };
  return undefined;
}

/** TextDecoder knows no UTF-32. */
function decodeUtf32(bytes: Uint8Array, littleEndian: boolean): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: string[] = [];
  for (let offset = 4; offset + 4 <= bytes.length; offset += 4) {
    const codePoint = view.getUint32(offset, littleEndian);
    parts.push(codePoint <= 0x10ffff ? String.fromCodePoint(codePoint) : '\ufffd');
  }
  return parts.join('');
}

function decodeUtf8(bytes: Uint8Array): DecodedText | undefined {
  // ISO-2022-JP is pure ASCII, hence valid UTF-8; its escape sequence appears in nothing else.
  if (Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes('\u001b$B')) {
    return { text: new TextDecoder('iso-2022-jp').decode(bytes), encoding: 'iso-2022-jp' };
  }
  const text = decodeStrictly('utf-8', bytes);
  return text === undefined ? undefined : { text, encoding: 'utf-8' };
}

/** jschardet takes 840 bytes of Chinese UTF-8 with one stray 0xFF for Windows-1252. */
function decodeDamagedUtf8(bytes: Uint8Array): DecodedText | undefined {
  const text = new TextDecoder().decode(bytes);
  let foreign = 0;
  let broken = 0;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit >= 0x80) foreign++;
    if (unit === 0xfffd) broken++;
  }
  return broken * TOLERANCE <= foreign ? { text, encoding: 'utf-8' } : undefined;
}

/** UTF-8 and UTF-16 are known by their bytes; a page that says so of other bytes is wrong. */
function decodeDeclared(bytes: Uint8Array, declared: string | undefined): DecodedText | undefined {
  if (!declared || !isDecodable(declared)) return undefined;
  const { encoding } = new TextDecoder(declared);
  if (encoding.startsWith('utf-')) return undefined;
  const name = DECODER_NAMES[encoding] ?? encoding;
  return { text: new TextDecoder(name).decode(bytes), encoding: name };
}

function decodeDetected(bytes: Uint8Array): DecodedText | undefined {
  const first = bytes.findIndex((byte) => byte >= 0x80);
  const { encoding: name, confidence } = detect(Buffer.from(bytes.subarray(first, first + SAMPLE_BYTES)));
  const encoding = name ? (DECODER_NAMES[name.toLowerCase()] ?? name.toLowerCase()) : undefined;
  if (!encoding || !isDecodable(encoding) || isWestern(encoding)) return undefined;
  if (MULTI_BYTE.has(encoding)) {
    const text = decodeStrictly(encoding, bytes);
    if (text !== undefined) return { text, encoding };
  }
  if (confidence < MIN_CONFIDENCE) return undefined;
  return { text: new TextDecoder(encoding).decode(bytes), encoding };
}

function decodeWestern(bytes: Uint8Array): DecodedText {
  const text = new TextDecoder('windows-1252').decode(bytes);
  // The two differ only in 0x80-0x9F, which ISO-8859-1 leaves to control characters.
  const encoding = bytes.some((byte) => byte >= 0x80 && byte < 0xa0) ? 'windows-1252' : 'iso-8859-1';
  return { text, encoding };
}

function decodeStrictly(encoding: string, bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function isDecodable(encoding: string): boolean {
  try {
    return new TextDecoder(encoding).encoding.length > 0;
  } catch {
    return false;
  }
}

function isWestern(encoding: string): boolean {
  return new TextDecoder(encoding).encoding === 'windows-1252';
}

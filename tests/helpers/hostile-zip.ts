import { writeZip } from './zip.ts';

/** Bytes of a directory entry before its name (APPNOTE.TXT 4.3.12). */
const ENTRY_BYTES = 46;

/** An archive whose directory lists one tiny file `count` times, up to 4 bytes of name each. */
export function writeCrowdedZip(count: number): Buffer {
  const archive = writeZip([{ name: '0', content: 'x' }]);
  const start = archive.readUInt32LE(archive.length - 6);
  const entry = archive.subarray(start, start + ENTRY_BYTES);
  const entries = Array.from({ length: count }, (_, i) => {
    const name = Buffer.from(i.toString(36));
    const copy = Buffer.from(entry);
    copy.writeUInt16LE(name.length, 28);
    return Buffer.concat([copy, name]);
  });
  const directory = Buffer.concat(entries);
  const end = Buffer.from(archive.subarray(-22));
  return Buffer.concat([
    archive.subarray(0, start),
    directory,
    ...endWithZip64(end, { count: BigInt(count), size: BigInt(directory.length), offset: BigInt(start) }),
  ]);
}

/** The same archive with a zip64 end record that claims `count` files. */
export function claimFiles(archive: Buffer, count: bigint): Buffer {
  const end = Buffer.from(archive.subarray(-22));
  const facts = { count, size: BigInt(end.readUInt32LE(12)), offset: BigInt(end.readUInt32LE(16)) };
  return Buffer.concat([archive.subarray(0, -22), ...endWithZip64(end, facts, archive.length - 22)]);
}

/** The zip64 end record, its locator, and the end record that refers to them (APPNOTE.TXT 4.3.14 to 4.3.16). */
function endWithZip64(
  end: Buffer,
  { count, size, offset }: { count: bigint; size: bigint; offset: bigint },
  position = Number(offset + size),
): Buffer[] {
  const record = Buffer.alloc(56);
  record.write('504b0606', 'hex');
  record.writeBigUInt64LE(44n, 4);
  record.writeBigUInt64LE(count, 24);
  record.writeBigUInt64LE(count, 32);
  record.writeBigUInt64LE(size, 40);
  record.writeBigUInt64LE(offset, 48);
  const locator = Buffer.alloc(20);
  locator.write('504b0607', 'hex');
  locator.writeBigUInt64LE(BigInt(position), 8);
  locator.writeUInt32LE(1, 16);
  end.writeUInt16LE(0xffff, 8);
  end.writeUInt16LE(0xffff, 10);
  end.writeUInt32LE(0xffffffff, 12);
  end.writeUInt32LE(0xffffffff, 16);
  return [record, locator, end];
}

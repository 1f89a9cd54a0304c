import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { encodeLegacy, writeZip } from '../../../tests/helpers/zip.ts';
import type { ZipEntry } from '../../../tests/helpers/zip.ts';
import { expandZip } from './expand-zip.ts';
import type { ZipLimits } from './expand-zip.ts';

const LIMITS: ZipLimits = { entries: 100, inflatedBytes: 64 * 1024 ** 2, entryBytes: 1024 ** 2 };
const LINK = 0o120777;

describe('expandZip', () => {
  let dir: string;
  let path: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sluice-zip-'));
    path = join(dir, 'archive');
  });
  after(() => rm(dir, { recursive: true }));
  beforeEach(() => rm(path, { force: true }));

  /** Content by name, or the code of the refusal. */
  const expand = async (archive: ZipEntry[] | Buffer, limits: Partial<ZipLimits> = {}) => {
    await writeFile(path, Array.isArray(archive) ? writeZip(archive) : archive);
    const found: Record<string, string> = {};
    for await (const file of expandZip(path, { dir, limits: { ...LIMITS, ...limits } })) {
      if (!('path' in file)) {
        found[file.filename] = file.refusal.code;
        continue;
      }
      const content = await readFile(file.path);
      assert.equal(file.bytes, content.length);
      assert.equal(file.hash, createHash('sha256').update(content).digest('hex'));
      found[file.filename] = content.toString();
      await rm(file.path);
    }
    return found;
  };
  const refusal = (code: string) => (error: { code?: string }) => error.code === code;

  it('gives each file with its path, its bytes and their hash, and leaves litter out', async () => {
    const found = await expand([
      { name: '文档/', content: '' },
      { name: '文档/报告.md', content: '# 报告' },
      { name: 'a\\b\\c.txt', content: 'from an old .NET' },
      { name: '__MACOSX/文档/._报告.md', content: 'x' },
      { name: '文档/.DS_Store', content: 'x' },
      { name: 'Thumbs.db', content: 'x' },
      { name: 'empty.txt', content: '' },
    ]);
    assert.deepEqual(found, { '文档/报告.md': '# 报告', 'a/b/c.txt': 'from an old .NET', 'empty.txt': '' });
  });

  it('reads names that are not marked as UTF-8', async () => {
    const expectations = [
      ['gb18030', ['年度总结/销售报告.txt', '合同.md', 'readme.txt']],
      ['big5', ['會議紀錄/報告.txt', '說明文件.md']],
      ['shift_jis', ['議事録/お知らせ.txt', 'データ.md']],
    ] as const;
    for (const [label, names] of expectations) {
      const entries = names.map((name) => ({ name: encodeLegacy(name, label), content: name }));
      assert.deepEqual(Object.keys(await expand(entries)), names, label);
    }
    const utf8 = { name: Buffer.from('没有标记.txt'), content: 'x' };
    assert.deepEqual(Object.keys(await expand([utf8])), ['没有标记.txt']);
    const cp437 = { name: Buffer.from([0x61, 0xa4, 0x6f, 0x2e, 0x74, 0x78, 0x74]), content: 'x' };
    assert.deepEqual(Object.keys(await expand([{ name: 'b.txt', content: 'y' }, cp437])), [
      'b.txt',
      'año.txt',
    ]);
  });

  it('refuses by itself what is unsafe, locked, nested, too large or of no use, and takes the rest', async () => {
    const found = await expand([
      { name: '../../etc/cron.d/job.txt', content: 'x' },
      { name: '/etc/passwd.txt', content: 'x' },
      { name: 'C:\\windows\\a.txt', content: 'x' },
      { name: 'link.txt', content: '/etc/passwd', mode: LINK },
      { name: 'secret.txt', content: 'x', isEncrypted: true },
      { name: 'inner.ZIP', content: 'x' },
      { name: 'picture.png', content: 'x' },
      { name: 'long.txt', content: 'x'.repeat(LIMITS.entryBytes + 1) },
      { name: 'liar.txt', content: 'x'.repeat(5_000), declaredSize: 10 },
      { name: 'good.txt', content: 'good' },
    ]);
    assert.deepEqual(found, {
      'etc/cron.d/job.txt': 'unsafe_path',
      'etc/passwd.txt': 'unsafe_path',
      'C:/windows/a.txt': 'unsafe_path',
      'link.txt': 'symbolic_link',
      'secret.txt': 'encrypted',
      'inner.ZIP': 'unsupported_type',
      'picture.png': 'unsupported_type',
      'long.txt': 'too_large',
      'liar.txt': 'corrupt',
      'good.txt': 'good',
    });
  });

  it('refuses an archive whole before anything is unpacked: too many entries, too large, a bomb, no archive', async () => {
    const many = Array.from({ length: 101 }, (_, i) => ({ name: `${i}.txt`, content: 'x' }));
    await assert.rejects(expand(many), refusal('too_many_files'));
    const large = Array.from({ length: 3 }, (_, i) => ({ name: `${i}.txt`, content: 'x'.repeat(1_000) }));
    await assert.rejects(expand(large, { inflatedBytes: 2_999 }), refusal('too_large_uncompressed'));
    const bomb = [{ name: 'a.txt', content: Buffer.alloc(32 * 1024 ** 2) }];
    await assert.rejects(expand(bomb), refusal('too_large_uncompressed'));
    await assert.rejects(expand(Buffer.from('PK\x03\x04 and no more')), refusal('corrupt'));
    await assert.rejects(expand(Buffer.alloc(0)), refusal('corrupt'));
    const whole = writeZip([{ name: 'a.txt', content: 'x'.repeat(10_000) }]);
    await assert.rejects(expand(whole.subarray(0, whole.length - 30)), refusal('corrupt'));
    assert.deepEqual(await readdir(dir), ['archive'], 'no temporary file is left');
  });

  it('refuses a list of files that is longer than files need, before it is read into memory', async () => {
    const entries = Array.from({ length: 5 }, (_, i) => ({
      name: `${'a'.repeat(60_000)}${i}.txt`,
      content: 'x',
    }));
    await assert.rejects(expand(entries), refusal('corrupt'));
    assert.deepEqual(Object.keys(await expand(entries.slice(0, 1))).length, 1);
  });

  it('refuses entries that share their bytes', async () => {
    const content = Buffer.from(Array.from({ length: 4_000 }, (_, i) => (i * 7919) % 251));
    const zip = writeZip([{ name: 'a.txt', content }]);
    // Lists the one entry ten times: each claims the same packed bytes.
    const end = zip.length - 22;
    const entry = zip.subarray(zip.readUInt32LE(end + 16), end);
    const record = Buffer.from(zip.subarray(end));
    record.writeUInt16LE(10, 8);
    record.writeUInt16LE(10, 10);
    record.writeUInt32LE(entry.length * 10, 12);
    const overlapping = Buffer.concat([zip.subarray(0, end), ...Array(9).fill(entry), record]);
    await assert.rejects(expand(overlapping), refusal('too_large_uncompressed'));
  });
});

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { it } from 'node:test';
import { hashFile } from './hash-file.ts';

it('names bytes as the server does', async () => {
  const text = '龙井茶产于杭州西湖一带。';
  assert.equal(await hashFile(new File([text], 'a.md')), createHash('sha256').update(text).digest('hex'));
  const large = { size: 65 * 1024 ** 2 } as Blob;
  assert.equal(await hashFile(large), undefined);
});

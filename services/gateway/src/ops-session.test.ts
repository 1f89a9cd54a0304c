import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { scopedKeysSchema } from './api-keys.ts';
import { createOpsSessions, readSessionCookie } from './ops-session.ts';

const [watcher, admin] = scopedKeysSchema.parse('watcher-key=ops,admin-key=admin');
assert.ok(watcher && admin);
const HOUR_MS = 3_600_000;

describe('ops sessions', () => {
  const sessions = createOpsSessions([watcher, admin]);

  it('are known to every gateway that has the key, for eight hours', async () => {
    const { cookie, expiresAt } = await sessions.open(admin, 1_000_000);
    assert.equal(expiresAt.getTime(), 1_000_000 + 8 * HOUR_MS);
    const elsewhere = createOpsSessions([watcher, admin]);
    assert.equal(await elsewhere.find(cookie, 1_000_000 + 8 * HOUR_MS - 1), admin);
    assert.equal(await elsewhere.find(cookie, 1_000_000 + 8 * HOUR_MS), undefined);
    assert.ok(!cookie.includes('admin'));
  });

  it('end with their key', async () => {
    const { cookie } = await sessions.open(admin);
    assert.equal(await createOpsSessions([watcher]).find(cookie), undefined);
  });

  it('cannot be forged, prolonged, or made of nothing', async () => {
    const { cookie } = await sessions.open(watcher);
    const [expiry = '', signature = ''] = cookie.split('.');
    const forged = [
      `${Number(expiry) + 1}.${signature}`,
      `${expiry}.${'A'.repeat(43)}`,
      `${expiry}.`,
      `${expiry}.${signature}x`,
      `${expiry}.${(signature.startsWith('A') ? 'B' : 'A') + signature.slice(1)}`,
      `9999999999999999.${signature}`,
      signature,
      '',
    ];
    for (const one of forged) assert.equal(await sessions.find(one), undefined, one);
    assert.equal(await sessions.find(cookie), watcher);
  });

  it('are found among other cookies', () => {
    assert.equal(readSessionCookie('a=1; sluice_ops=12.x; b=2'), '12.x');
    assert.equal(readSessionCookie('xsluice_ops=12.x'), undefined);
    assert.equal(readSessionCookie(undefined), undefined);
  });
});

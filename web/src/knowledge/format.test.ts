import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  formatAge,
  formatBytes,
  formatCount,
  formatDuration,
  formatPercent,
  formatRate,
  formatScore,
} from './format.ts';

/** Intl puts spaces of several kinds between a number and its unit. */
const plain = (text: string) => text.replaceAll(/\s/g, ' ');

describe('format', () => {
  it('shows sizes as file managers do', () => {
    const sizes = [
      0,
      1,
      1_023,
      1_024,
      1_536,
      10_240,
      1_048_575,
      10 * 1024 ** 2,
      3 * 1024 ** 3,
      2 * 1024 ** 5,
    ];
    assert.deepEqual(
      sizes.map((bytes) => plain(formatBytes(bytes, 'en'))),
      ['0 bytes', '1 byte', '1,023 bytes', '1 kB', '1.5 kB', '10 kB', '1 MB', '10 MB', '3 GB', '2,048 TB'],
    );
    assert.match(formatBytes(1_536, 'zh-CN'), /^1\.5\s*(kB|KB|千字节)$/);
  });

  it('shows two units of a length of time', () => {
    const lengths = [-3, 0, 0.4, 59.6, 125, 3_600, 3_725, 90_000, 86_400 * 3 + 5];
    assert.deepEqual(
      lengths.map((seconds) => plain(formatDuration(seconds, 'en'))),
      ['0 sec', '0 sec', '0 sec', '1 min', '2 min 5 sec', '1 hr', '1 hr 2 min', '1 day 1 hr', '3 days'],
    );
    assert.match(formatDuration(125, 'zh-CN'), /^2分钟 5秒/);
  });

  it('says how long ago something was', () => {
    const now = new Date('2026-05-10T12:00:00Z');
    const ages = [
      ['2026-05-10T12:00:30Z', 'now', '现在'],
      ['2026-05-10T11:59:30Z', 'now', '现在'],
      ['2026-05-10T11:57:00Z', '3 minutes ago', '3分钟前'],
      ['2026-05-10T02:00:00Z', '10 hours ago', '10小时前'],
      ['2026-05-09T10:00:00Z', 'yesterday', '昨天'],
      ['2026-03-01T10:00:00Z', '2 months ago', '2个月前'],
      ['2023-03-01T10:00:00Z', '3 years ago', '3年前'],
    ] as const;
    for (const [date, en, zh] of ages) {
      assert.equal(formatAge(date, now, 'en'), en);
      assert.equal(formatAge(date, now, 'zh-CN'), zh);
    }
  });

  it('calls 100 % only what is whole', () => {
    assert.deepEqual(
      [0, 0.004, 0.5, 0.9999, 1, 1.2, -1].map((share) => formatPercent(share, 'en')),
      ['0%', '0%', '50%', '99%', '100%', '100%', '0%'],
    );
  });

  it('shows speeds by the second or the minute, counts and scores', () => {
    assert.deepEqual(formatRate(361.4, 'en'), { amount: '361', per: 'second' });
    assert.deepEqual(formatRate(1.25, 'en'), { amount: '1.3', per: 'second' });
    assert.deepEqual(formatRate(0.1, 'en'), { amount: '6', per: 'minute' });
    assert.equal(formatCount(1_234_567, 'en'), '1,234,567');
    assert.deepEqual(
      [0.81234, 0.5, 17.23456, -3.2].map((score) => formatScore(score, 'en')),
      ['0.812', '0.50', '17.23', '-3.20'],
    );
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRedisUrl, RedisUrlError } from './url.ts';

describe('REDIS_URL', () => {
  it('names one server as ever', () => {
    for (const url of [
      'redis://127.0.0.1:6379',
      'rediss://user:p%40ss@cache.example/2',
      'redis://[::1]:6379',
    ])
      assert.deepEqual(parseRedisUrl(url), { kind: 'single', url });
  });

  it('names a cluster by some of its nodes', () => {
    assert.deepEqual(parseRedisUrl('redis+cluster://h1:7000,h2,[fd00::1]:7002'), {
      kind: 'cluster',
      nodes: [
        { host: 'h1', port: 7000 },
        { host: 'h2', port: 6379 },
        { host: 'fd00::1', port: 7002 },
      ],
      login: {},
      tls: false,
    });
    assert.deepEqual(parseRedisUrl('rediss+cluster://app:a%2Fb%40c@h1:7000/0'), {
      kind: 'cluster',
      nodes: [{ host: 'h1', port: 7000 }],
      login: { username: 'app', password: 'a/b@c' },
      tls: true,
    });
  });

  it('names a master by its sentinels', () => {
    assert.deepEqual(
      parseRedisUrl('redis+sentinel://:secret@h1:26379,h2/mymaster/3?sentinel_password=s%2B1'),
      {
        kind: 'sentinel',
        sentinels: [
          { host: 'h1', port: 26_379 },
          { host: 'h2', port: 26_379 },
        ],
        masterName: 'mymaster',
        db: 3,
        login: { password: 'secret' },
        sentinelLogin: { password: 's+1' },
        tls: false,
      },
    );
  });

  const refused: [url: string, message: RegExp][] = [
    ['localhost', /must be redis:/],
    ['http://h1:6379', /must be redis:/],
    ['redis+cluster://', /must be redis:/],
    ['redis+cluster://u:hunter2@h1:7000,', /host:port/],
    ['redis+cluster://u:hunter2@h1:70000', /host:port/],
    ['redis+cluster://u:hunter2@h1:7000/1', /must not name a database/],
    ['redis+sentinel://u:hunter2@h1:26379', /must name the master/],
    ['redis+sentinel://u:hunter2@h1:26379/', /must name the master/],
    ['redis+sentinel://u:hunter2@h1:26379/mymaster/x', /database-number/],
    ['redis+sentinel://u:hunter2%@h1:26379/mymaster', /%25/],
  ];
  for (const [url, message] of refused) {
    it(`refuses ${url} and does not show its password`, () => {
      assert.throws(
        () => parseRedisUrl(url),
        (error: unknown) => {
          assert.ok(error instanceof RedisUrlError);
          assert.match(error.message, message);
          assert.ok(!error.message.includes('hunter2'));
          return true;
        },
      );
    });
  }
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createKeyFinder, scopedKeysSchema } from './api-keys.ts';

const parse = (list: string) => scopedKeysSchema.parse(list).map(({ key, scopes }) => [key, [...scopes]]);

describe('SLUICE_SCOPED_KEYS', () => {
  it('names keys with their scopes', () => {
    assert.deepEqual(parse('front-end-key=chat+knowledge, base64key==ops ,admin-key-1=admin'), [
      ['front-end-key', ['chat', 'knowledge']],
      ['base64key=', ['ops']],
      ['admin-key-1', ['chat', 'knowledge', 'ops', 'admin']],
    ]);
  });

  const refused: [list: string, message: RegExp][] = [
    ['hunter2hunter2', /entry 1 must be <key>=<scope>/],
    ['hunter2=chat', /entry 1 must have a key of at least 8/],
    ['hunter2 hunter2=chat', /entry 1 must have a key of at least 8/],
    ['hunter2hunter2鍵=chat', /beyond ASCII/],
    ['good-key-1=ops,good-key-2=hunter2', /entry 2 must have scopes of chat, knowledge, ops, admin/],
    ['good-key-1=', /entry 1 must have scopes/],
    ['hunter2hunter2=ops,hunter2hunter2=chat', /entry 2 has a key that an entry before it has/],
    ['good-key-1=ops,', /entry 2 must be/],
  ];
  for (const [list, message] of refused) {
    it(`refuses ${list} and shows nothing of it`, () => {
      const { error } = scopedKeysSchema.safeParse(list);
      assert.match(error?.message ?? '', message);
      assert.doesNotMatch(error?.message ?? '', /hunter2|good-key/);
    });
  }
});

describe('a key finder', () => {
  it('knows whole keys alone', () => {
    const find = createKeyFinder(scopedKeysSchema.parse('first-key=chat,second-key=ops'));
    assert.deepEqual([...(find('second-key')?.scopes ?? [])], ['ops']);
    for (const wrong of ['', 'second-ke', 'second-keyx', 'SECOND-KEY']) assert.equal(find(wrong), undefined);
  });
});

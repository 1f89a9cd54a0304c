import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { chat } from './en/chat.ts';
import { common } from './en/common.ts';
import { knowledge } from './en/knowledge.ts';
import { ops } from './en/ops.ts';
import { chat as zhChat } from './zh/chat.ts';
import { common as zhCommon } from './zh/common.ts';
import { knowledge as zhKnowledge } from './zh/knowledge.ts';
import { ops as zhOps } from './zh/ops.ts';

const SRC = dirname(import.meta.dirname);
const en = { common, chat, knowledge, ops };
const zh = { common: zhCommon, chat: zhChat, knowledge: zhKnowledge, ops: zhOps };
/** `t('a.b')`, and the beginning of `t(`a.b.${c}`)`, of any page. */
const WHOLE = /['"`]((?:common|chat|knowledge|ops)(?:\.[a-z0-9_]+)+)['"`]/g;
const BEGINNING = /`((?:common|chat|knowledge|ops)(?:\.[a-z0-9_]+)*)\.(?:[a-z0-9_]*)\$\{/g;

function find(texts: object, key: string): unknown {
  return key
    .split('.')
    .reduce<unknown>((found, name) => (found as Record<string, unknown> | undefined)?.[name], texts);
}

function listLeaves(texts: object, prefix = ''): [key: string, text: string][] {
  return Object.entries(texts).flatMap(([name, value]: [string, unknown]) =>
    typeof value === 'string'
      ? [[prefix + name, value] as [string, string]]
      : listLeaves(value as object, `${prefix}${name}.`),
  );
}

/** What has the same name in every language. */
const NAMES = new Set(
  'English PDF HTML CSV EPUB Word Excel PowerPoint Markdown SHA-256 Redis Qdrant SQLite Grafana Prometheus'.split(
    ' ',
  ),
).add('Bull Board');

/** What is filled in: `{count}`. */
const listGaps = (text: string) => [...new Set(text.match(/\{\w+\}/g))].sort();

describe('texts of the web app', () => {
  it('are there for every key that the sources name', async () => {
    const missing: string[] = [];
    let found = 0;
    for (const name of await readdir(SRC, { recursive: true })) {
      // A page may have errors of its own, or none.
      if (!/\.(?:vue|ts)$/.test(name) || /\.test\.ts$|^explain-error\.ts$/.test(name)) continue;
      const text = await readFile(join(SRC, name), 'utf8');
      for (const [, key = ''] of text.matchAll(WHOLE)) {
        found += 1;
        if (find(en, key) === undefined) missing.push(`${name}: ${key}`);
      }
      for (const [, key = ''] of text.matchAll(BEGINNING)) {
        found += 1;
        if (typeof find(en, key) !== 'object') missing.push(`${name}: ${key}.…`);
      }
    }
    assert.deepEqual(missing, []);
    assert.ok(found > 100, 'the patterns still find the keys');
  });

  it('have the same gaps in both languages', () => {
    for (const [key, text] of listLeaves(en))
      assert.deepEqual(listGaps(find(zh, key) as string), listGaps(text), key);
  });

  it('say nothing in English where Chinese is spoken', () => {
    const untranslated = listLeaves(zh).filter(
      ([key, text]) => /[A-Za-z]{3,}/.test(text) && !/\p{Script=Han}/u.test(text) && text === find(en, key),
    );
    assert.deepEqual(
      untranslated.filter(([, text]) => !NAMES.has(text)),
      [],
    );
  });
});

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Source } from '@sluice/shared/contracts/events';
import { buildPrompt } from '../../services/chat-worker/src/prompt.ts';
import { dataOf, errorOf, postJson, uploadAndWait } from '../helpers/api.ts';
import { HOSTILE_NAMES, INJECTIONS, ORDER } from '../helpers/injections.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

const BEFORE = 'The foghorn was replaced in 1931 by a siren.';
const AFTER = '普洱茶产于云南，越陈越香。';
const QUESTION = 'When was the foghorn replaced?';

/** What no quoted text may hold. */
const MARKERS: readonly [what: string, marker: RegExp][] = [
  ['a delimiter', /[<＜][\s\p{Join_Control}]*[/／]?[\s\p{Join_Control}]*source/iu],
  ['a special token', /[<＜]\s*[|｜]/],
  [
    'a tag of a template',
    /<\s*\/?\s*(?:s|system|user|assistant|context|document|instructions|think|tool_call|function_calls|invoke|start_of_turn|end_of_turn|sop)\b[^>]*>/i,
  ],
  ['an instruction bracket', /\[\/?(?:INST|SYSTEM_PROMPT|TOOL_CALLS|TOOL_RESULTS|gMASK)\]|<<\/?SYS>>/i],
  [
    'a turn',
    /^[ \t>*#]*(?:system|human|user|assistant|系统|用\p{Join_Control}*户|助手|系统提示词)[ *]*[:：]/imu,
  ],
  ['a headline of an instruction', /^#{1,6} *(?:instruction|response|指令)[:：]/imu],
  ['a control character', /[^\P{Cc}\t\n]/u],
  ['a mark of direction', /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/],
  ['hidden text', /[\u00ad\u200b\u2060\ufeff]|[\u{e0000}-\u{e007f}]|\p{Variation_Selector}{2}/u],
  ['a selector where none belongs', /[\p{ASCII}--[#*0-9]]\p{Variation_Selector}/v],
  ['another line separator', /[\u0085\u2028\u2029\r]/],
];

/** What the model is given for a source. */
function quote(
  text: string,
  filename = 'a.txt',
  headings: string[] = [],
): { opening: string; inside: string } {
  const source: Source = {
    n: 1,
    document_id: 'd',
    filename,
    version: 1,
    chunk_index: 0,
    headings,
    start: 0,
    end: text.length,
    score: 1,
    text,
  };
  const messages = [{ role: 'user' as const, content: QUESTION }];
  const [system, user] = buildPrompt(messages, [source], '', 'prefill');
  assert.ok(!system?.content.includes(ORDER), 'the turn of the system has nothing of it');
  const parts = /^(<source n="1" [^\n>]*>)\n([^]*)\n<\/source>\n\nWhen was the foghorn replaced\?$/.exec(
    user?.content ?? '',
  );
  assert.ok(parts, `one source in its delimiters: ${user?.content}`);
  return { opening: parts[1] as string, inside: parts[2] as string };
}

describe('injections, by construction', () => {
  for (const [name, text] of INJECTIONS) {
    it(`${name}: no delimiter, token, turn or hidden text is left`, () => {
      const { inside } = quote(`${BEFORE}\n\n${text}\n\n${AFTER}`);
      for (const [what, marker] of MARKERS) assert.doesNotMatch(inside, marker, what);
      assert.ok(inside.startsWith(BEFORE) && inside.endsWith(AFTER), 'and the document is there');
    });
  }

  it('names and headings stay within their attribute', () => {
    for (const name of [...HOSTILE_NAMES, ...INJECTIONS.map(([, text]) => text)]) {
      const { opening } = quote('text', name, [name, name]);
      assert.match(opening, /^<source n="1" title="[^"<>\n]*" section="[^"<>\n]*">$/u);
      for (const [what, marker] of MARKERS) assert.doesNotMatch(opening.slice(8), marker, what);
    }
  });

  it('ordinary documents read as before', () => {
    for (const text of [
      'if (a < b && c > d) { x[7] = `<div class="s">`; } // <span>',
      '# System design\n\nThe user: a person. Our system is fast.\n\n- Input: 5\n- Output: 7\n\n| a | b |\n',
      'می‌خواهم 👩‍👩‍👧 ❤️ 1️⃣ क्‍ष 葛󠄀',
      '输入：五。输出：七。系统由三部分组成：甲、乙、丙。',
      '\tindented\n\n\ttext — “quoted” … ½ ℃',
      '[1] Miller, A. <miller@example.org>, [SYSTEMS], [IMAGE], 2 < 3',
    ]) {
      assert.equal(quote(text).inside, text);
    }
    assert.equal(
      quote('用户：你好\nUser: hi').inside,
      '"用户"：你好\n"User": hi',
      'a transcript keeps its speakers',
    );
  });

  it('takes linear time', () => {
    const started = performance.now();
    for (const text of ['<', '< ', '[', '>', '> ', '* ', '#', '\u200d', 'a\u200d', '<|', 'system ', '\n \t'])
      quote(text.repeat(50_000));
    assert.ok(performance.now() - started < 5_000);
  });
});

describe('injections, with the offline model', () => {
  let stack: TestStack;
  before(async () => {
    stack = await startStack();
  });
  after(() => stack[Symbol.asyncDispose]());

  it('answers from the document, cites what is there, and shows the stored text as it is', async () => {
    for (const [i, [name, text]] of INJECTIONS.entries()) {
      const uploaded = await uploadAndWait(stack.url, `${i}.md`, `${BEFORE} (${i})\n\n${text}\n\n${AFTER}`);
      if (name === 'control characters') {
        assert.equal((await errorOf(uploaded)).code, 'type_mismatch', 'a text has none');
        continue;
      }
      const { id } = await dataOf<{ id: string }>(uploaded);
      const stored = await (await fetch(`${stack.url}/api/knowledge/documents/${id}/text`)).text();
      for (const [question, words] of [
        [QUESTION, /1931/],
        ['普洱茶产于哪里？', /云南/],
      ] as const) {
        const { content, sources } = await dataOf<{ content: string; sources: Source[] }>(
          await postJson(`${stack.url}/api/chat`, {
            messages: [{ role: 'user', content: question }],
            knowledge: { documents: [id] },
          }),
        );
        assert.match(content, words, name);
        assert.ok(!content.includes(ORDER), `${name}: ${content}`);
        const cited = [...content.matchAll(/\[(\d+)\]/g)].map((match) => Number(match[1]));
        assert.ok(
          cited.length > 0 && cited.every((n) => n >= 1 && n <= sources.length),
          `${name}: ${content}`,
        );
        for (const source of sources) assert.equal(source.text, stored.slice(source.start, source.end), name);
      }
    }
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ChatState } from '@sluice/shared/chat-state';
import { chooseBeginning, SeamTrimmer } from './takeover.ts';

/** What is shown of a continuation that comes in pieces of every size. */
function trim(partial: string, continuation: string): string {
  const results = new Set<string>();
  for (let size = 1; size <= Math.max(1, continuation.length); size += 1) {
    const trimmer = new SeamTrimmer(partial);
    let shown = '';
    for (let at = 0; at < continuation.length; at += size)
      shown += trimmer.push(continuation.slice(at, at + size));
    results.add(shown + trimmer.end());
  }
  assert.equal(results.size, 1, `the same for every size of pieces: ${[...results].join(' | ')}`);
  return [...results][0] ?? '';
}

describe('seam', () => {
  it('takes out the last words when the model says them again', () => {
    assert.equal(trim('The quick brown', 'brown fox'), ' fox');
    assert.equal(trim('The quick brown', 'quick brown fox'), ' fox');
    assert.equal(trim('The quick brown ', 'brown fox'), 'fox');
    assert.equal(trim('冲泡时水温以八十', '八十度为宜'), '度为宜');
    assert.equal(trim('冲泡时水温以八十', '水温以八十度为宜'), '度为宜');
  });

  it('takes out the whole of it when the model begins anew', () => {
    assert.equal(trim('The quick brown', 'The quick brown fox'), ' fox');
    assert.equal(trim('The quick brown', 'The quick brown'), '');
  });

  it('leaves a proper continuation as it is, to the byte', () => {
    for (const [partial, rest] of [
      ['The quick br', 'own fox'],
      ['The quick', ' brown fox'],
      ['I said', ' so. I said no.'],
      ['a', 'a a'],
      ['the', 'theory'],
      ['It is the', 'the other'],
      ['绿茶产于', '杭州'],
      ['很好', '很大'],
      ['', 'anything'],
    ] as const) {
      assert.equal(trim(partial, rest), rest, `${partial}|${rest}`);
    }
  });

  it('leaves what goes on with a repetition of the answer itself', () => {
    for (const [partial, rest] of [
      ['| a | b |\n| --- | --- ', '| --- |\n'],
      ['if (a) {\n      }\n    }\n    }\n', '    }\n  }\n'],
      ['笑了：哈哈', '哈哈哈哈！'],
      ['谢谢谢谢', '谢谢谢谢谢谢'],
      ['no no no ', 'no no no more'],
    ] as const) {
      assert.equal(trim(partial, rest), rest, `${partial}|${rest}`);
    }
    assert.equal(trim('A rule: | --- | --- ', 'A rule: | --- | --- | --- |'), '| --- |');
  });

  it('holds text back only while it may still be a repetition', () => {
    const trimmer = new SeamTrimmer('The quick brown');
    assert.equal(trimmer.push('qui'), '');
    assert.equal(trimmer.push('t'), 'quit');
    assert.equal(trimmer.push('brown'), 'brown');
    assert.equal(new SeamTrimmer('| --- | --- | --- ').push('| '), '| ');
  });

  it('stays fast on a long answer', () => {
    const partial = `Anew: ${'ab '.repeat(1_000)}`;
    assert.equal(trim(partial, `${'ab '.repeat(50)}!`), `${'ab '.repeat(50)}!`);
  });
});

describe('the beginning of a taken job', () => {
  const state = (more: Partial<ChatState>): ChatState => ({
    id: 'c',
    status: 'running',
    content: 'text',
    ...more,
  });

  it('depends on what the log says and on the mode', () => {
    assert.equal(chooseBeginning(state({ status: 'queued', content: '' }), 'fail'), 'begin');
    for (const mode of ['continue', 'restart', 'fail'] as const)
      assert.equal(chooseBeginning(state({}), mode), mode);
    for (const status of ['done', 'failed', 'cancelled'] as const)
      assert.equal(chooseBeginning(state({ status }), 'continue'), 'over');
  });

  it('shows no break where nothing has been shown', () => {
    assert.equal(chooseBeginning(state({ content: '' }), 'restart'), 'continue');
  });

  it('begins tool calls anew', () => {
    assert.equal(chooseBeginning(state({ has_tool_calls: true }), 'continue'), 'restart');
    assert.equal(chooseBeginning(state({ has_tool_calls: true }), 'fail'), 'fail');
  });
});

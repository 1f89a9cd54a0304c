import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chatRequestSchema } from '@sluice/shared/contracts/chat';
import {
  addTurn,
  buildRequest,
  createConversation,
  fileNameOf,
  summarize,
  titleOf,
  toMarkdown,
} from './conversation.ts';
import { groupByAge } from './group-by-age.ts';

const OFF = { kind: 'off' } as const;

function converse(...turns: [question: string, answer: string][]) {
  const conversation = createConversation(turns[0]?.[0] ?? '');
  for (const [question, text] of turns) {
    const turn = addTurn(conversation, { question, model: undefined, knowledge: OFF });
    Object.assign(turn.answer, { text, status: 'done' });
  }
  return conversation;
}

describe('titleOf', () => {
  it('is one line of the question, cut between words, and between characters where there are none', () => {
    assert.equal(titleOf('  What\n is\tthis? '), 'What is this?');
    assert.equal(titleOf(`${'word '.repeat(10)}another`), `${'word '.repeat(10)}another`);
    assert.equal(titleOf(`${'word '.repeat(11)}and some more`), `${'word '.repeat(11)}and…`);
    assert.equal(titleOf('题'.repeat(80)), `${'题'.repeat(60)}…`);
    assert.equal(titleOf('👩‍🚀'.repeat(80)).isWellFormed(), true);
  });
});

describe('buildRequest', () => {
  it('brings the conversation up to the question, and the choices of its turn', () => {
    const conversation = converse(['one', 'first'], ['two', '']);
    const turn = addTurn(conversation, { question: 'three', model: 'm', knowledge: { kind: 'all' } });
    addTurn(conversation, { question: 'later', model: undefined, knowledge: OFF });
    assert.deepEqual(buildRequest(conversation, turn), {
      messages: [
        { role: 'user', content: 'one' },
        { role: 'assistant', content: 'first' },
        { role: 'user', content: 'two' },
        { role: 'user', content: 'three' },
      ],
      model: 'm',
      knowledge: true,
    });
  });

  it('leaves out the oldest turns where the server would take no more', () => {
    for (const conversation of [
      converse(...Array.from({ length: 400 }, (_, i): [string, string] => [`q${i}`, `a${i}`])),
      converse(...Array.from({ length: 9 }, (_, i): [string, string] => [`q${i}`, 'x'.repeat(90_000)])),
    ]) {
      const turn = addTurn(conversation, { question: 'last', model: undefined, knowledge: OFF });
      const request = buildRequest(conversation, turn);
      chatRequestSchema.parse(request);
      assert.equal(request.messages.at(-1)?.content, 'last');
      assert.equal(request.messages[0]?.role, 'user');
      assert.ok(request.messages.length > 4);
      assert.ok(request.messages.length < conversation.turns.length * 2);
    }
  });
});

describe('an export', () => {
  it('has questions, answers and where they are from', () => {
    const conversation = converse(['When?', 'In 1931 [1].']);
    conversation.turns[0]!.answer.sources = [
      {
        n: 1,
        document_id: 'doc_1',
        filename: 'a.pdf',
        version: 1,
        chunk_index: 0,
        page: 3,
        headings: ['A', 'B'],
        start: 0,
        end: 1,
        score: 1,
        text: 'T',
      },
    ];
    const labels = {
      question: 'Question',
      answer: 'Answer',
      sources: 'Sources',
      page: (page: number) => `page ${page}`,
    };
    assert.equal(
      toMarkdown(conversation, labels),
      '# When?\n\n## Question\n\nWhen?\n\n## Answer\n\nIn 1931 [1].\n\nSources:\n\n- [1] a.pdf, page 3, A › B\n',
    );
  });

  it('gets a name that every file system takes', () => {
    assert.equal(fileNameOf('a/b\\c: "d"? <e>|*\n'), 'a b c d e');
    assert.equal(fileNameOf('住宿标准？'), '住宿标准？');
    assert.equal(fileNameOf('..'), 'conversation');
  });
});

describe('summarize', () => {
  it('says whether an answer is to come', () => {
    const conversation = converse(['a', 'b']);
    assert.equal(summarize(conversation).isUnfinished, false);
    addTurn(conversation, { question: 'c', model: undefined, knowledge: OFF });
    assert.equal(summarize(conversation).isUnfinished, true);
  });
});

describe('groupByAge', () => {
  it('goes by the calendar of the reader', () => {
    const now = new Date(2026, 5, 15, 0, 30);
    const at = (...of: [number, number, number, number]) => ({ updatedAt: new Date(...of).toISOString() });
    const items = [at(2026, 5, 15, 0), at(2026, 5, 14, 23), at(2026, 5, 13, 12), at(2026, 4, 1, 0)];
    assert.deepEqual(
      groupByAge(items, now).map((group) => [group.age, group.items.length]),
      [
        ['today', 1],
        ['yesterday', 1],
        ['week', 1],
        ['older', 1],
      ],
    );
    assert.deepEqual(groupByAge([], now), []);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addTurn, createConversation } from './conversation.ts';
import type { Conversation } from './conversation.ts';
import { createMemoryRecords } from './conversation-records.ts';
import { createConversationStore } from './conversation-store.ts';
import type { TabChannel } from './conversation-store.ts';

/** Two tabs, each of which hears the other. */
function connectTabs(): [TabChannel, TabChannel] {
  const listeners: ((id: string) => void)[] = [];
  const tab = (self: number): TabChannel => ({
    post: (id) => listeners[1 - self]?.(id),
    listen: (changed) => void (listeners[self] = changed),
  });
  return [tab(0), tab(1)];
}

function ask(conversation: Conversation, question = 'Why?') {
  return addTurn(conversation, { question, model: undefined, knowledge: { kind: 'off' } });
}

describe('conversation store', () => {
  it('keeps a conversation with all that came until it was flushed, for the next visit', async () => {
    const records = createMemoryRecords();
    const store = createConversationStore(records, connectTabs()[0]);
    const conversation = store.add(createConversation('Why?'));
    const { answer } = ask(conversation);
    await store.saveNow(conversation);
    for (const letter of 'because') {
      answer.text += letter;
      answer.cursor = `1-${answer.text.length}`;
      store.save(conversation);
    }
    store.flush();
    await store.saveNow(conversation);

    const next = createConversationStore(records, connectTabs()[0]);
    await next.load();
    assert.deepEqual(
      next.list.value.map(({ title, isUnfinished }) => [title, isUnfinished]),
      [['Why?', true]],
    );
    const again = await next.get(conversation.id);
    assert.equal(again?.turns[0]?.answer.text, 'because');
    assert.equal(again?.turns[0]?.answer.cursor, '1-7');
    assert.equal(await next.get(conversation.id), again, 'one object, however often it is asked for');
  });

  it('writes text and cursor of one moment, and never an older state over a newer one', async () => {
    const inner = createMemoryRecords();
    const written: string[] = [];
    const store = createConversationStore(
      {
        ...inner,
        async put(conversation) {
          const { text = '', cursor = '' } = conversation.turns[0]?.answer ?? {};
          // The first write is the slowest.
          await new Promise((resolve) => setTimeout(resolve, written.length === 0 ? 40 : 0));
          written.push(`${text}@${cursor}`);
          await inner.put(conversation);
        },
      },
      connectTabs()[0],
    );
    const conversation = store.add(createConversation('Why?'));
    const { answer } = ask(conversation);
    const writes = ['a', 'ab', 'abc'].map((text) => {
      Object.assign(answer, { text, cursor: `1-${text.length}` });
      return store.saveNow(conversation);
    });
    await Promise.all(writes);
    assert.deepEqual(written, ['a@1-1', 'ab@1-2', 'abc@1-3']);
  });

  it('lists the newest first, and forgets what is deleted, whatever is saved afterwards', async () => {
    const records = createMemoryRecords();
    const store = createConversationStore(records, connectTabs()[0]);
    const older = store.add(createConversation('older', new Date(1_000)));
    const newer = store.add(createConversation('newer', new Date(2_000)));
    for (const conversation of [older, newer]) await store.saveNow(conversation);
    assert.deepEqual(
      store.list.value.map(({ title }) => title),
      ['newer', 'older'],
    );
    await store.rename(older, 'renamed');
    store.save(newer);
    await store.remove(newer.id);
    store.save(newer);
    await store.saveNow(newer);
    assert.deepEqual(
      (await records.summaries()).map(({ title }) => title),
      ['renamed'],
    );
  });

  it('follows what another tab does, but not while an answer comes here', async () => {
    const records = createMemoryRecords();
    const [mine, other] = connectTabs();
    let isWrittenHere = false;
    const here = createConversationStore(records, mine, () => isWrittenHere);
    const there = createConversationStore(records, other);
    const conversation = here.add(createConversation('Why?'));
    ask(conversation);
    await here.saveNow(conversation);

    // The other tab fetches the answer; this one shows how far it is.
    const theirs = await there.get(conversation.id);
    assert.ok(theirs?.turns[0]);
    for (const text of ['s', 'so']) {
      Object.assign(theirs.turns[0].answer, { status: 'running', text });
      await there.saveNow(theirs);
      await settle();
      assert.equal(conversation.turns[0]?.answer.text, text);
    }
    await there.rename(theirs, 'another name');
    await settle();
    assert.equal(here.list.value[0]?.title, 'another name');

    isWrittenHere = true;
    await there.rename(theirs, 'a third name');
    await settle();
    assert.equal(conversation.title, 'another name');

    isWrittenHere = false;
    await there.remove(conversation.id);
    await settle();
    assert.equal(here.list.value.length, 0);
  });

  it('says when the browser keeps nothing, and goes on', async () => {
    let isFull = true;
    const inner = createMemoryRecords();
    const store = createConversationStore(
      {
        ...inner,
        async put(conversation) {
          if (isFull) throw new Error('The quota is used up.');
          await inner.put(conversation);
        },
      },
      connectTabs()[0],
    );
    const conversation = store.add(createConversation('Why?'));
    await store.saveNow(conversation);
    assert.match(String(store.failure.value), /quota/);
    isFull = false;
    await store.saveNow(conversation);
    assert.equal(store.failure.value, undefined);
    assert.equal((await inner.summaries()).length, 1);
  });
});

/** Lets the promises of the other tab come to their end. */
async function settle(): Promise<void> {
  for (let i = 0; i < 10; i += 1) await Promise.resolve();
}

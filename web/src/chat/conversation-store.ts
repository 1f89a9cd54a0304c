import { computed, reactive, ref, toRaw } from 'vue';
import type { Conversation, ConversationSummary } from './conversation.ts';
import { summarize } from './conversation.ts';
import type { ConversationRecords } from './conversation-records.ts';

/** Tells the other tabs which conversation has changed. */
export interface TabChannel {
  post(id: string): void;
  listen(changed: (id: string) => void): void;
}

/** Milliseconds between two writes of a conversation while its answer comes: a reload resumes from the last one. */
const SAVE_MS = 300;

export type ConversationStore = ReturnType<typeof createConversationStore>;

/**
 * The conversations of this browser, as the page shows them.
 *
 * @param isWrittenHere whether this tab fetches an answer of a conversation, so that nobody knows it better
 */
export function createConversationStore(
  records: ConversationRecords,
  tabs: TabChannel,
  isWrittenHere: (conversation: Conversation) => boolean = () => false,
) {
  const summaries = ref(new Map<string, ConversationSummary>());
  const open = new Map<string, Conversation>();
  const pending = new Map<string, { timer: ReturnType<typeof setTimeout>; conversation: Conversation }>();
  /** Writes, one after the other: an older state never overwrites a newer one. */
  let writing: Promise<void> = Promise.resolve();
  /** Why conversations are not kept, when the browser refuses. */
  const failure = ref<unknown>();

  const list = computed(() =>
    [...summaries.value.values()].sort((a, b) => b.updatedAt.localeCompare(a.updatedAt)),
  );

  async function load(): Promise<void> {
    for (const summary of await records.summaries()) summaries.value.set(summary.id, summary);
  }

  async function get(id: string): Promise<Conversation | undefined> {
    const known = open.get(id);
    if (known) return known;
    const kept = await records.get(id);
    // Two calls that wait for the database must end with the same object.
    if (kept && !open.has(id)) open.set(id, reactive(kept));
    return open.get(id);
  }

  /** Takes a new conversation in; the one that comes back is the one to change. */
  function add(conversation: Conversation): Conversation {
    const shown = reactive(conversation);
    open.set(conversation.id, shown);
    return shown;
  }

  /** Keeps a conversation, soon: many changes in a row become one write. */
  function save(conversation: Conversation): void {
    if (!open.has(conversation.id)) return;
    note(conversation);
    if (pending.has(conversation.id)) return;
    const timer = setTimeout(() => void saveNow(conversation), SAVE_MS);
    pending.set(conversation.id, { timer, conversation });
  }

  /** Keeps a conversation at once, with all that it is now. */
  function saveNow(conversation: Conversation): Promise<void> {
    const { id } = conversation;
    clearTimeout(pending.get(id)?.timer);
    pending.delete(id);
    if (!open.has(id)) return writing;
    note(conversation);
    const copy = JSON.parse(JSON.stringify(toRaw(conversation))) as Conversation;
    return write(id, () => records.put(copy));
  }

  /** Keeps all that waits, such as before the page goes. */
  function flush(): void {
    for (const { conversation } of pending.values()) void saveNow(conversation);
  }

  async function remove(id: string): Promise<void> {
    clearTimeout(pending.get(id)?.timer);
    pending.delete(id);
    open.delete(id);
    summaries.value.delete(id);
    await write(id, () => records.delete(id));
  }

  function rename(conversation: Conversation, title: string): Promise<void> {
    conversation.title = title;
    conversation.isNamed = true;
    return saveNow(conversation);
  }

  function note(conversation: Conversation): void {
    const summary = summarize(conversation);
    const known = summaries.value.get(conversation.id);
    // A hundred pieces of an answer may come in a second, of which the list shows nothing.
    const isNew = known?.title !== summary.title || known.updatedAt !== summary.updatedAt;
    if (isNew || known.isUnfinished !== summary.isUnfinished) summaries.value.set(conversation.id, summary);
  }

  function write(id: string, act: () => Promise<void>): Promise<void> {
    writing = writing.then(act).then(
      () => {
        failure.value = undefined;
        tabs.post(id);
      },
      (error: unknown) => void (failure.value = error),
    );
    return writing;
  }

  tabs.listen(async (id) => {
    const known = open.get(id);
    if (known && isWrittenHere(known)) return;
    const kept = await records.get(id);
    if (!kept) {
      open.delete(id);
      summaries.value.delete(id);
      return;
    }
    summaries.value.set(id, summarize(kept));
    if (known) Object.assign(known, kept);
  });

  return {
    list,
    failure,
    isLasting: records.isLasting,
    load,
    get,
    add,
    save,
    saveNow,
    flush,
    remove,
    rename,
  };
}

/** The tabs of this browser that show the same server. */
export function openTabChannel(): TabChannel {
  const channel = new BroadcastChannel('sluice.conversations');
  return {
    post: (id) => channel.postMessage(id),
    listen: (changed) => channel.addEventListener('message', ({ data }) => changed(String(data))),
  };
}

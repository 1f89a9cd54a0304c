import type { Conversation, ConversationSummary } from './conversation.ts';
import { summarize } from './conversation.ts';

/** Where conversations are kept. */
export interface ConversationRecords {
  summaries(): Promise<ConversationSummary[]>;
  get(id: string): Promise<Conversation | undefined>;
  put(conversation: Conversation): Promise<void>;
  delete(id: string): Promise<void>;
  /** Whether they are there after a reload. */
  readonly isLasting: boolean;
}

const DATABASE = 'sluice.conversations';
const WHOLE = 'conversations';
const SUMMARIES = 'summaries';

/**
 * Opens the browser's database, or memory where the browser has none for this page, as in some private windows. Summaries
 * are records of their own: the list does not read every text that was ever written.
 */
export async function openRecords(): Promise<ConversationRecords> {
  try {
    return await openIndexedDb();
  } catch {
    return createMemoryRecords();
  }
}

async function openIndexedDb(): Promise<ConversationRecords> {
  const opening = indexedDB.open(DATABASE, 1);
  opening.addEventListener('upgradeneeded', () => {
    for (const name of [WHOLE, SUMMARIES]) opening.result.createObjectStore(name, { keyPath: 'id' });
  });
  const database = await settle(opening);
  const write = (act: (whole: IDBObjectStore, summaries: IDBObjectStore) => void) => {
    const transaction = database.transaction([WHOLE, SUMMARIES], 'readwrite');
    act(transaction.objectStore(WHOLE), transaction.objectStore(SUMMARIES));
    return new Promise<void>((resolve, reject) => {
      transaction.addEventListener('complete', () => resolve());
      transaction.addEventListener('abort', () =>
        reject(transaction.error ?? new Error('Nothing was kept.')),
      );
    });
  };
  const read = (name: string) => database.transaction(name).objectStore(name);
  return {
    isLasting: true,
    summaries: () => settle<ConversationSummary[]>(read(SUMMARIES).getAll()),
    get: (id) => settle<Conversation | undefined>(read(WHOLE).get(id)),
    put: (conversation) =>
      write((whole, summaries) => {
        whole.put(conversation);
        summaries.put(summarize(conversation));
      }),
    delete: (id) =>
      write((whole, summaries) => {
        whole.delete(id);
        summaries.delete(id);
      }),
  };
}

function settle<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error ?? new Error('The database failed.')));
  });
}

/** Keeps conversations until the page is closed. */
export function createMemoryRecords(): ConversationRecords {
  const kept = new Map<string, Conversation>();
  return {
    isLasting: false,
    summaries: async () => [...kept.values()].map(summarize),
    get: async (id) => structuredClone(kept.get(id)),
    put: async (conversation) => void kept.set(conversation.id, structuredClone(conversation)),
    delete: async (id) => void kept.delete(id),
  };
}

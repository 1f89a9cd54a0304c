import { reactive } from 'vue';
import type { DocumentEvent, KnowledgeDocument, KnownDocument, UploadedFile } from '@sluice/client';
import type { PickedFile } from './picked-files.ts';
import { createTurns } from './turns.ts';
import { applyEvent, hasEnded, mayPass } from './upload-item.ts';
import type { Fault, UploadItem } from './upload-item.ts';

/** What holds for files that are uploaded together. */
export interface UploadSettings {
  collection: string;
  /** Whether a document of the same name gets the file as its next version. */
  replace: 'filename' | 'none';
}

/** What the queue needs of the server and the browser. */
export interface UploadDeps {
  hash(file: File): Promise<string | undefined>;
  lookup(hashes: string[], collection: string, signal: AbortSignal): Promise<KnownDocument[]>;
  send(
    file: File,
    settings: UploadSettings,
    onSent: (done: number, total: number) => void,
    signal: AbortSignal,
  ): Promise<UploadedFile>;
  events(id: string, signal: AbortSignal): AsyncIterable<DocumentEvent>;
  get(id: string, signal: AbortSignal): Promise<KnowledgeDocument>;
  reingest(id: string): Promise<unknown>;
  /** What is wrong, if it is about this file or request; undefined when the server is only away. */
  faultOf(error: unknown): Fault | undefined;
  /** Told when a document has come, or has changed. */
  onChange(): void;
}

/** Files that are uploaded one by one, each with its own progress. Nothing here waits for a page to be shown. */
export interface UploadQueue {
  /** Newest last. */
  items: UploadItem[];
  add: (files: readonly PickedFile[], settings: UploadSettings) => Promise<void>;
  /** Gives a file up that the server does not have yet. */
  cancel: (item: UploadItem) => void;
  /** Does a file that failed again. */
  retry: (item: UploadItem) => Promise<void>;
  /** Takes what has ended off the list; one, or all. */
  dismiss: (item?: UploadItem) => void;
}

/** A browser has six connections to a server by HTTP/1.1; two for sending and two for watching leave two for the page. */
const SENT_AT_ONCE = 2;
const WATCHED_AT_ONCE = 2;
/** How often a document is asked for that is not watched. */
const POLL_MS = 2_000;

interface Entry {
  file: File;
  settings: UploadSettings;
  stop: AbortController;
}

/** Creates an empty queue; `items` are reactive. */
export function createUploadQueue(deps: UploadDeps, pollMs = POLL_MS): UploadQueue {
  const items = reactive<UploadItem[]>([]);
  const entries = new Map<number, Entry>();
  const sending = createTurns(SENT_AT_ONCE);
  const watching = createTurns(WATCHED_AT_ONCE);
  let lastKey = 0;

  const fail = (item: UploadItem, fault: Fault) => {
    item.stage = 'failed';
    item.fault = fault;
    deps.onChange();
  };
  const entryOf = (item: UploadItem) => entries.get(item.key) as Entry;

  /** @returns those that are to be sent */
  const findUnknown = async (
    added: readonly UploadItem[],
    settings: UploadSettings,
  ): Promise<UploadItem[]> => {
    const hashes = new Map<UploadItem, string>();
    for (const item of added) {
      if (hasEnded(item)) continue;
      try {
        const hash = await deps.hash(entryOf(item).file);
        if (hash !== undefined) hashes.set(item, hash);
      } catch (error) {
        fail(item, { code: 'unreadable', message: String(error) });
      }
    }
    const known = await lookUp([...new Set(hashes.values())], settings.collection);
    return added.filter((item) => {
      if (hasEnded(item)) return false;
      const there = known.get(hashes.get(item) ?? '');
      if (there && isSame(there, item, settings)) {
        Object.assign(item, { stage: 'duplicate', documentId: there.id, version: there.version });
        return false;
      }
      item.stage = 'waiting';
      return true;
    });
  };
  /** Only spares sending: when it fails, everything is sent. */
  const lookUp = async (hashes: string[], collection: string): Promise<Map<string, KnownDocument>> => {
    if (hashes.length === 0) return new Map();
    const found = await deps.lookup(hashes, collection, AbortSignal.timeout(10_000)).catch(() => []);
    return new Map(found.filter(({ status }) => status === 'ready').map((one) => [one.hash, one]));
  };

  const send = (item: UploadItem) =>
    sending.run(async () => {
      const { file, settings, stop } = entryOf(item);
      if (hasEnded(item)) return;
      item.stage = 'sending';
      try {
        const sent = await deps.send(
          file,
          settings,
          (done, total) => (item.sent = { done, total }),
          stop.signal,
        );
        Object.assign(item, { documentId: sent.id, version: sent.version });
        item.stage = sent.duplicate === true && sent.status === 'ready' ? 'duplicate' : 'queued';
        deps.onChange();
      } catch (error) {
        if (stop.signal.aborted) item.stage = 'cancelled';
        else fail(item, deps.faultOf(error) ?? { code: 'unreachable', message: String(error) });
      }
    });

  /** Follows a document to its end, by its stream when there is a turn, else by asking now and then. */
  const watch = async (item: UploadItem) => {
    const { signal } = entryOf(item).stop;
    while (!hasEnded(item) && !signal.aborted) {
      try {
        if (watching.isFree()) await watching.run(() => followEvents(item, signal));
        else await ask(item, signal);
      } catch (error) {
        const fault = deps.faultOf(error);
        if (fault?.code === 'not_found') item.stage = 'cancelled';
        else if (fault) fail(item, fault);
      }
      if (!hasEnded(item)) await pause(pollMs);
    }
    deps.onChange();
  };
  const followEvents = async (item: UploadItem, signal: AbortSignal) => {
    for await (const event of deps.events(item.documentId ?? '', signal)) applyEvent(item, event);
  };
  const ask = async (item: UploadItem, signal: AbortSignal) => {
    const { status, error, chunks } = await deps.get(item.documentId ?? '', signal);
    if (status === 'ready') Object.assign(item, { stage: 'ready', chunks });
    if (status === 'failed' && error) fail(item, error);
    if (status === 'processing' && item.stage === 'queued') item.stage = 'reading';
  };
  const sendAndWatch = async (item: UploadItem) => {
    await send(item);
    if (!hasEnded(item)) await watch(item);
  };

  return {
    items,
    async add(files, settings) {
      const added = files.map(({ file, path }) => {
        const key = ++lastKey;
        entries.set(key, { file, settings, stop: new AbortController() });
        items.push({
          key,
          path,
          bytes: file.size,
          stage: 'checking',
          sent: { done: 0, total: file.size },
          indexed: { done: 0, total: 0 },
        });
        // As the list has it: what is changed of the plain object, nobody sees.
        return items.at(-1) as UploadItem;
      });
      const unknown = await findUnknown(added, settings);
      await Promise.all(unknown.map(sendAndWatch));
    },
    cancel(item) {
      if (item.documentId !== undefined || hasEnded(item)) return;
      item.stage = 'cancelled';
      entryOf(item).stop.abort();
    },
    async retry(item) {
      if (item.stage !== 'failed' || (item.fault && !mayPass(item.fault))) return;
      Object.assign(item, { fault: undefined, indexed: { done: 0, total: 0 } });
      if (item.documentId === undefined) {
        item.stage = 'waiting';
        return sendAndWatch(item);
      }
      item.stage = 'queued';
      try {
        await deps.reingest(item.documentId);
      } catch (error) {
        const fault = deps.faultOf(error) ?? { code: 'unreachable', message: String(error) };
        // Somebody else was faster: watch what they began.
        if (fault.code !== 'not_settled') return fail(item, fault);
      }
      await watch(item);
    },
    dismiss(item) {
      const gone = items.filter((one) => hasEnded(one) && (!item || one.key === item.key));
      for (const { key } of gone) {
        items.splice(
          items.findIndex((one) => one.key === key),
          1,
        );
        entries.delete(key);
      }
    },
  };
}

/** Whether a document with a file's bytes is the one that the file would become. */
export function isSame(
  { filename }: KnownDocument,
  { path }: Pick<UploadItem, 'path'>,
  { replace }: UploadSettings,
): boolean {
  return replace === 'none' || filename === (path.split('/').at(-1) ?? '').normalize('NFC');
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

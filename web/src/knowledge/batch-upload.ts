import { reactive } from 'vue';
import type { KnownDocument } from '@sluice/client';
import type { PickedFile } from './picked-files.ts';
import type { Fault } from './upload-item.ts';
import { isSame } from './upload-queue.ts';
import type { UploadSettings } from './upload-queue.ts';

/** Where the sending of many files is. What the server does with them meanwhile, its batch says. */
export type BatchUploadPhase =
  | 'sending'
  /** Something failed that another try may mend; nothing is lost. */
  | 'stopped'
  | 'sent'
  | 'cancelled';

/** Many files on their way into a batch. */
export interface BatchUpload {
  key: number;
  name: string;
  phase: BatchUploadPhase;
  /** The server's batch; undefined until the first file is sent, and when all of them are there already. */
  batchId?: string | undefined;
  files: number;
  bytes: number;
  /** Files that the server was asked about. */
  checked: number;
  /** Files, and their bytes, that need not be sent: the server has them. */
  known: { files: number; bytes: number };
  sent: { files: number; bytes: number };
  /** Paths of files that this browser cannot read any more. */
  unreadable: string[];
  fault?: Fault | undefined;
}

/** What sending needs of the server and the browser. */
export interface BatchUploadDeps {
  hash: (file: File) => Promise<string | undefined>;
  lookup: (hashes: string[], collection: string, signal: AbortSignal) => Promise<KnownDocument[]>;
  create: (name: string, settings: UploadSettings, signal: AbortSignal) => Promise<string>;
  /** Adding the same files twice adds nothing twice. */
  add: (
    batchId: string,
    files: readonly PickedFile[],
    onSent: (done: number, total: number) => void,
    signal: AbortSignal,
  ) => Promise<unknown>;
  close: (batchId: string) => Promise<unknown>;
  faultOf: (error: unknown) => Fault | undefined;
}

/** Sends many files. */
export interface BatchSender {
  state: BatchUpload;
  /** Sends what is left; ends when all is sent, or something failed. */
  run: () => Promise<void>;
  /** Sends nothing more. */
  cancel: () => void;
}

/** Files that are hashed and looked up together. */
const GROUP = 100;
/** Most files and bytes of one request; a file that is larger goes alone. */
const FORM_FILES = 32;
const FORM_BYTES = 8 * 1024 ** 2;
const SENT_AT_ONCE = 2;

let lastKey = 0;

/** Prepares the sending of many files; `state` is reactive. */
export function createBatchSender(
  deps: BatchUploadDeps,
  name: string,
  files: readonly PickedFile[],
  settings: UploadSettings,
): BatchSender {
  const stop = new AbortController();
  const state = reactive<BatchUpload>({
    key: ++lastKey,
    name,
    phase: 'sending',
    files: files.length,
    bytes: sizeOf(files),
    checked: 0,
    known: { files: 0, bytes: 0 },
    sent: { files: 0, bytes: 0 },
    unreadable: [],
  });
  const groups = Array.from({ length: Math.ceil(files.length / GROUP) }, (_, i) =>
    files.slice(i * GROUP, (i + 1) * GROUP),
  );
  /** Forms that are cut already, or whose sending failed. */
  const forms: (readonly PickedFile[])[] = [];
  let creating: Promise<string> | undefined;
  let looking: Promise<void> | undefined;

  const lookAtNext = async () => {
    const group = groups.shift();
    if (group) forms.push(...cutForms(await findUnknown(group)));
  };
  /** One group at a time is hashed, ahead of those that send. */
  const takeForm = async (): Promise<readonly PickedFile[] | undefined> => {
    while (forms.length === 0 && (groups.length > 0 || looking))
      await (looking ??= lookAtNext().finally(() => (looking = undefined)));
    return forms.shift();
  };

  const findUnknown = async (group: readonly PickedFile[]): Promise<PickedFile[]> => {
    const hashes = new Map<PickedFile, string>();
    const readable: PickedFile[] = [];
    for (const picked of group) {
      stop.signal.throwIfAborted();
      try {
        const hash = await deps.hash(picked.file);
        if (hash !== undefined) hashes.set(picked, hash);
        readable.push(picked);
      } catch {
        state.unreadable.push(picked.path);
      }
      state.checked += 1;
    }
    const wanted = [...new Set(hashes.values())];
    // Only spares sending: when it fails, everything is sent.
    const found =
      wanted.length === 0 ? [] : await deps.lookup(wanted, settings.collection, stop.signal).catch(() => []);
    const known = new Map(found.filter(({ status }) => status === 'ready').map((one) => [one.hash, one]));
    return readable.filter((picked) => {
      const there = known.get(hashes.get(picked) ?? '');
      if (!there || !isSame(there, picked, settings)) return true;
      state.known.files += 1;
      state.known.bytes += picked.file.size;
      return false;
    });
  };

  const sendNext = async () => {
    for (let form = await takeForm(); form; form = await takeForm()) {
      let counted = 0;
      const count = (bytes: number) => {
        state.sent.bytes += bytes - counted;
        counted = bytes;
      };
      const bytes = sizeOf(form);
      try {
        stop.signal.throwIfAborted();
        creating ??= deps.create(name, settings, stop.signal);
        state.batchId = await creating;
        const onSent = (done: number, total: number) => count(total === 0 ? 0 : (bytes * done) / total);
        await deps.add(state.batchId, form, onSent, stop.signal);
        count(bytes);
        state.sent.files += form.length;
      } catch (error) {
        count(0);
        forms.unshift(form);
        throw error;
      }
    }
  };

  return {
    state,
    async run() {
      if (state.phase === 'sent' || state.phase === 'cancelled') return;
      Object.assign(state, { phase: 'sending', fault: undefined });
      const results = await Promise.allSettled(Array.from({ length: SENT_AT_ONCE }, sendNext));
      try {
        const failed = results.find((result) => result.status === 'rejected');
        if (failed) throw failed.reason;
        if (state.batchId !== undefined) await deps.close(state.batchId);
        state.phase = 'sent';
      } catch (error) {
        if (stop.signal.aborted) return;
        if (state.batchId === undefined) creating = undefined;
        state.phase = 'stopped';
        state.fault = deps.faultOf(error) ?? { code: 'unreachable', message: String(error) };
      }
    },
    cancel() {
      if (state.phase === 'sent') return;
      state.phase = 'cancelled';
      stop.abort();
    },
  };
}

function cutForms(files: readonly PickedFile[]): PickedFile[][] {
  const forms: PickedFile[][] = [];
  let form: PickedFile[] = [];
  for (const picked of files) {
    const isFull = form.length === FORM_FILES || sizeOf(form) + picked.file.size > FORM_BYTES;
    if (form.length > 0 && isFull) {
      forms.push(form);
      form = [];
    }
    form.push(picked);
  }
  if (form.length > 0) forms.push(form);
  return forms;
}

function sizeOf(files: readonly PickedFile[]): number {
  return files.reduce((sum, { file }) => sum + file.size, 0);
}

/** A name for a batch: that of the folder or archive that all files are from; undefined when there is none. */
export function nameBatch(files: readonly PickedFile[]): string | undefined {
  const tops = new Set(
    files.map(({ path, isNamed }) => (isNamed && files.length > 1 ? '' : path.split('/')[0])),
  );
  const [top = ''] = tops;
  return tops.size === 1 && top !== '' ? top.slice(0, 200) : undefined;
}

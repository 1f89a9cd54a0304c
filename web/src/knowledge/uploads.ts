import { computed, ref, shallowReactive } from 'vue';
import { createClient, SluiceApiError } from '@sluice/client';
import type { OnSent } from './xhr-fetch.ts';
import { apiFetch, sluice } from '../api.ts';
import { createBatchSender } from './batch-upload.ts';
import type { BatchSender } from './batch-upload.ts';
import { checkFiles, isForBatch } from './check-files.ts';
import type { RefusedPick } from './check-files.ts';
import { hashFile } from './hash-file.ts';
import type { PickedFile } from './picked-files.ts';
import { loadSettings } from './server-settings.ts';
import { hasEnded } from './upload-item.ts';
import type { Fault } from './upload-item.ts';
import { createUploadQueue } from './upload-queue.ts';
import type { UploadSettings } from './upload-queue.ts';
import { fetchWithProgress } from './xhr-fetch.ts';

/**
 * What this browser uploads. It goes on while the user looks at other pages of the app, and ends with the tab; what has
 * been sent by then, the server goes on with.
 */

/** Rises whenever a document has come or changed, for lists to load anew. */
export const documentChanges = ref(0);

/** A client that says how far a form is sent. */
const clientThatTells = (onSent: OnSent) =>
  createClient({
    baseUrl: '',
    fetch: (url, init) =>
      apiFetch(url, init, (address, request) => fetchWithProgress(address, request, onSent)),
  });

const lookup = (hashes: string[], collection: string, signal: AbortSignal) =>
  sluice.knowledge.lookup(hashes, { collection, signal });

function faultOf(error: unknown): Fault | undefined {
  return error instanceof SluiceApiError ? { code: error.code, message: error.message } : undefined;
}

/** Files that are uploaded one by one. */
export const uploads = createUploadQueue({
  hash: hashFile,
  lookup,
  send: (file, settings, onSent, signal) =>
    clientThatTells(onSent).knowledge.upload(file, { ...settings, signal }),
  events: (id, signal) => sluice.knowledge.events(id, { signal }),
  get: (id, signal) => sluice.knowledge.get(id, { signal }),
  reingest: (id) => sluice.knowledge.reingest(id),
  faultOf,
  onChange: () => (documentChanges.value += 1),
});

/** Batches that are being sent from here, newest first. */
export const senders = shallowReactive<BatchSender[]>([]);

/** What was not sent, to be said until the user has seen it. */
export interface NotSent {
  refused: RefusedPick[];
  leftOut: Map<string, number>;
}
export const notSent = ref<NotSent>();

/** How many files are on their way from here. */
export const underWay = computed(
  () =>
    uploads.items.filter((item) => !hasEnded(item)).length +
    senders.filter(({ state }) => state.phase === 'sending').length,
);

const needsThisTab = computed(
  () =>
    uploads.items.some(({ stage }) => stage === 'checking' || stage === 'waiting' || stage === 'sending') ||
    senders.some(({ state }) => state.phase === 'sending'),
);
window.addEventListener('beforeunload', (event) => {
  if (needsThisTab.value) event.preventDefault();
});

/**
 * Uploads what the user gave: few files one by one, more of them, or archives, as a batch. What the server would refuse
 * is not sent, and noted in {@link notSent}.
 *
 * @param nameOf names a batch that has no folder to be named after
 * @returns where to look: at the files, at the batches, or at neither when there was nothing to send
 */
export async function uploadPicked(
  picks: readonly PickedFile[],
  settings: UploadSettings,
  nameOf: (files: readonly PickedFile[]) => string,
): Promise<'files' | 'batches' | undefined> {
  const { taken, refused, leftOut } = checkFiles(picks, await loadSettings());
  notSent.value = refused.length > 0 || leftOut.size > 0 ? { refused, leftOut } : undefined;
  if (taken.length === 0) return undefined;
  if (!isForBatch(taken)) {
    void uploads.add(taken, settings);
    return 'files';
  }
  const sender = createBatchSender(
    {
      hash: hashFile,
      lookup,
      create: async (name, { collection, replace }, signal) =>
        (await sluice.batches.create({ name, collection, replace }, { signal })).id,
      add: (id, files, onSent, signal) =>
        clientThatTells(onSent).batches.add(
          id,
          files.map(({ file, path }) => ({ name: path, content: file })),
          { signal },
        ),
      close: (id) => sluice.batches.close(id),
      faultOf,
    },
    nameOf(taken),
    taken,
    settings,
  );
  senders.unshift(sender);
  void sender.run();
  return 'batches';
}

/** Takes a batch whose sending is over off the list of those that are sent from here. */
export function dismissSender(sender: BatchSender): void {
  const at = senders.indexOf(sender);
  if (at !== -1) senders.splice(at, 1);
}

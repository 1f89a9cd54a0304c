import { SluiceApiError } from '../client/src/index.ts';
import type { Batch, FileInput, SluiceClient } from '../client/src/index.ts';
import type { IngestPlan } from './config.ts';
import type { LocalFile } from './find-files.ts';
import type { Progress } from './progress.ts';
import type { ResumeState } from './resume-state.ts';
import { openFile, queueUploads, unreadable } from './upload-queue.ts';
import type { LocalFailure } from './upload-queue.ts';

/** What became of the files. */
export interface IngestReport {
  /** Files that were there before. */
  skipped: number;
  uploaded: number;
  /** Those whose upload is under way, too. */
  sent: number;
  /** Files that an interrupted run uploaded. */
  uploadedBefore: number;
  /** Batches with files of this command, as they are now: one of an interrupted run, it may be, and one of this. */
  batches: Batch[];
  /** What failed here. What failed at the server, its batches know. */
  failures: LocalFailure[];
}

/** What an ingestion needs. */
export interface IngestDeps {
  client: SluiceClient;
  state: ResumeState;
  signal: AbortSignal;
  onProgress: (progress: Progress) => void;
  onNotice: (notice: string) => void;
}

/**
 * Uploads what the server does not have, in an open batch, and follows the batch to its end. When it is interrupted, what
 * was uploaded goes on, and the same plan goes on with the same batch.
 *
 * @param report what is known so far, also when this throws
 * @throws the signal's reason, {SluiceApiError}, {SluiceConnectionError}
 */
export async function ingest(
  deps: IngestDeps,
  plan: IngestPlan,
  files: readonly LocalFile[],
  report: IngestReport,
): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([deps.signal, stop.signal]);
  const batches = trackBatches(deps, report, signal, () => deps.onProgress(progressOf(files.length, report)));
  try {
    const earlier = await findEarlier(deps);
    if (earlier) batches.follow(earlier);
    const batch = await uploadAll({ ...deps, signal }, plan, files, report, {
      open: async () => {
        const { name, collection, metadata, replace } = plan;
        const created = await deps.client.batches.create({ name, collection, metadata, replace }, { signal });
        await deps.state.write(created.id);
        batches.follow(created);
        return created;
      },
      opened: earlier?.open ? earlier : undefined,
    });
    if (batch) await deps.client.batches.close(batch.id, { signal });
    await batches.ended();
    await deps.state.forget();
  } finally {
    stop.abort();
  }
}

/** @returns the batch that the files went into, if there were any */
async function uploadAll(
  { client, signal, onProgress }: IngestDeps,
  plan: IngestPlan,
  files: readonly LocalFile[],
  report: IngestReport,
  batch: { opened: Batch | undefined; open: () => Promise<Batch> },
): Promise<Batch | undefined> {
  let opening = batch.opened && Promise.resolve(batch.opened);
  const forms = queueUploads(
    client,
    files,
    { ...plan, signal },
    {
      onSkipped: (from) => {
        if (report.batches.some(({ id }) => id === from)) report.uploadedBefore += 1;
        else report.skipped += 1;
      },
      onFailed: (failure) => report.failures.push(failure),
    },
  );
  const uploadNext = async () => {
    for await (const form of forms) {
      const opened = await openAll(form, report.failures);
      if (opened.length === 0) continue;
      opening ??= batch.open();
      report.sent += opened.length;
      await client.batches.add((await opening).id, opened, { signal });
      report.uploaded += opened.length;
      onProgress(progressOf(files.length, report));
    }
  };
  await Promise.all(Array.from({ length: plan.concurrency }, uploadNext));
  return opening;
}

/** Keeps the report's batches as they are at the server. */
function trackBatches(
  { client }: IngestDeps,
  report: IngestReport,
  signal: AbortSignal,
  onChange: () => void,
): { follow: (batch: Batch) => void; ended: () => Promise<unknown> } {
  const following: Promise<void>[] = [];
  const followToEnd = async ({ id }: Batch, at: number) => {
    for await (const now of client.batches.follow(id, { signal })) {
      report.batches[at] = now;
      onChange();
    }
  };
  return {
    follow(batch) {
      const followed = followToEnd(batch, report.batches.push(batch) - 1);
      // Whoever waits for the end is told.
      followed.catch(() => {});
      following.push(followed);
    },
    ended: () => Promise.all(following),
  };
}

/** The batch of the same command when that was interrupted, if it has not ended. */
async function findEarlier({ client, state, signal, onNotice }: IngestDeps): Promise<Batch | undefined> {
  const id = await state.read();
  if (id === undefined) return undefined;
  const batch = await client.batches.get(id, { signal }).catch((error: unknown) => {
    if (error instanceof SluiceApiError && error.status === 404) return undefined;
    throw error;
  });
  if (!batch || batch.ended_at !== undefined || batch.state === 'cancelling') return undefined;
  onNotice(`Going on with ${id}, which has ${batch.items} files.`);
  return batch;
}

async function openAll(form: readonly LocalFile[], failures: LocalFailure[]): Promise<FileInput[]> {
  const opened: FileInput[] = [];
  for (const file of form) {
    try {
      opened.push(await openFile(file));
    } catch (error) {
      failures.push(unreadable(file, error));
    }
  }
  return opened;
}

/** An archive is one file until the server has unpacked it. */
function progressOf(
  files: number,
  { skipped, sent, uploadedBefore, batches, failures }: IngestReport,
): Progress {
  const sum = (count: (batch: Batch) => number) => batches.reduce((total, batch) => total + count(batch), 0);
  const items = sum((batch) => batch.items);
  const unfinished = sum(
    ({ counts }) => counts.receiving + counts.pending + counts.queued + counts.processing,
  );
  const failed = sum(({ counts }) => counts.failed + counts.refused) + failures.length;
  const waiting = Math.max(files - skipped - sent - uploadedBefore - failures.length, 0);
  const seconds = sum((batch) => batch.estimated_seconds ?? 0);
  const isPaused = batches.some(({ state }) => state === 'paused');
  const details = [
    skipped > 0 ? `${skipped} already there` : '',
    waiting > 0 ? `${waiting} to upload` : '',
    failed > 0 ? `${failed} failed` : '',
    isPaused ? 'paused' : '',
    waiting === 0 && seconds > 0 ? `${seconds} s left` : '',
  ];
  return {
    done: skipped + failures.length + items - unfinished,
    total: skipped + failures.length + items + waiting,
    details: details.filter(Boolean).join(' · '),
  };
}

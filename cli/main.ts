import { basename } from 'node:path';
import { createClient, SluiceApiError, SluiceConnectionError } from '../client/src/index.ts';
import { readPlan, USAGE, UsageError } from './config.ts';
import type { IngestPlan } from './config.ts';
import { findFiles } from './find-files.ts';
import type { FoundFiles, LocalFile } from './find-files.ts';
import { ingest } from './ingest.ts';
import type { IngestReport } from './ingest.ts';
import { createProgressDisplay } from './progress.ts';
import { openResumeState } from './resume-state.ts';
import { summarize } from './summary.ts';
import { queueUploads } from './upload-queue.ts';

const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;
type ExitCode = (typeof EXIT)[keyof typeof EXIT];

process.exitCode = await run(process.argv.slice(2));

async function run(args: string[]): Promise<ExitCode> {
  let plan: IngestPlan | undefined;
  try {
    plan = readPlan(args);
    if (!plan) {
      console.log(USAGE);
      return EXIT.done;
    }
    const found = await findFiles(plan.inputs);
    checkNames(plan, found.files);
    console.log(describeFound(found));
    return plan.dryRun ? await rehearse(plan, found.files) : await ingestAll(plan, found.files);
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`${error.message}\n\n${USAGE}`);
      return EXIT.usage;
    }
    if (!(error instanceof SluiceApiError) && !(error instanceof SluiceConnectionError)) throw error;
    const where = error instanceof SluiceConnectionError && plan ? `${plan.url}: ` : '';
    console.error(`${where}${error.message} What was uploaded is kept: run the same command again to go on.`);
    return EXIT.failed;
  }
}

async function ingestAll(plan: IngestPlan, files: readonly LocalFile[]): Promise<ExitCode> {
  const client = createClient({ baseUrl: plan.url, apiKey: plan.apiKey });
  const display = createProgressDisplay(process.stderr);
  const report: IngestReport = {
    skipped: 0,
    uploaded: 0,
    sent: 0,
    uploadedBefore: 0,
    batches: [],
    failures: [],
  };
  const interruption = new AbortController();
  // The second Ctrl-C finds no listener and ends the process at once.
  process.once('SIGINT', () => interruption.abort());
  const { signal } = interruption;
  try {
    const deps = {
      client,
      state: openResumeState(plan),
      signal,
      onProgress: display.show,
      onNotice: (notice: string) => console.log(notice),
    };
    await ingest(deps, plan, files, report);
  } catch (error) {
    if (!signal.aborted) throw error;
    display.clear();
    console.log(describeInterruption(plan, report));
    return EXIT.interrupted;
  } finally {
    display.clear();
  }
  const { text, hasFailures } = await summarize(client, report);
  console.log(text);
  return hasFailures ? EXIT.failed : EXIT.done;
}

async function rehearse(plan: IngestPlan, files: readonly LocalFile[]): Promise<ExitCode> {
  const client = createClient({ baseUrl: plan.url, apiKey: plan.apiKey });
  const { signal } = new AbortController();
  let skipped = 0;
  let toUpload = 0;
  const failures: string[] = [];
  const forms = queueUploads(
    client,
    files,
    { ...plan, signal },
    {
      onSkipped: () => (skipped += 1),
      onFailed: ({ name, message }) => failures.push(`${name}: ${message}`),
    },
  );
  for await (const form of forms) {
    toUpload += form.length;
    for (const { name } of form) console.log(`would upload ${name}`);
  }
  console.log(`${toUpload} to upload, ${skipped} already there, ${failures.length} cannot be read.`);
  for (const failure of failures) console.log(failure);
  return failures.length > 0 ? EXIT.failed : EXIT.done;
}

/** What two files share that replaces by it would make one of them the next version of the other. */
function checkNames({ replace }: IngestPlan, files: readonly LocalFile[]): void {
  if (replace === 'none') return;
  const what = replace === 'filename' ? 'name' : 'path within their folders';
  const seen = new Map<string, string>();
  for (const { name, path } of files) {
    const identity = (replace === 'filename' ? basename(name) : name).normalize('NFC');
    const other = seen.get(identity);
    if (other !== undefined)
      throw new UsageError(
        `${other} and ${path} have the same ${what}, ${identity}, so that one would replace the other. Ingest them one by one, or into collections of their own.`,
      );
    seen.set(identity, path);
  }
}

function describeFound({ files, leftOut }: FoundFiles): string {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const others = [...leftOut].toSorted(([, left], [, right]) => right - left);
  const list = others.map(([ending, count]) => `${count} ${ending}`).join(', ');
  return `Found ${files.length} ${files.length === 1 ? 'file' : 'files'}, ${(bytes / 1024 ** 2).toFixed(1)} MiB.${list === '' ? '' : ` Left out, as of other types: ${list}.`}`;
}

function describeInterruption({ url }: IngestPlan, { uploaded, batches }: IngestReport): string {
  const batch = batches.at(-1);
  if (!batch) return 'Interrupted; nothing had been uploaded yet.';
  return [
    `Interrupted. ${uploaded} files were uploaded and go on being ingested as ${batch.id}.`,
    'Run the same command again to upload the rest and see the end.',
    `To drop what is not indexed yet: curl -X POST ${url}/api/knowledge/batches/${batch.id}/cancel`,
  ].join('\n');
}

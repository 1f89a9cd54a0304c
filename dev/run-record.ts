import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Refusal } from './refusal.mjs';
import { describeProcess, endProcessGroup, isRunning, type ProcessRef } from './processes.ts';
import { waitFor } from './wait-for.ts';

/** One process of a run, as the record on disk knows it. */
export interface RecordedProcess extends ProcessRef {
  readonly name: string;
  /** Processes of a higher layer depend on those of a lower one and end first. */
  readonly layer: number;
  /** Milliseconds between SIGTERM and SIGKILL. */
  readonly graceMs: number;
}

/** What a run of `npm start` leaves in its data folder, so that whatever outlives it can be found and ended. */
export interface RunRecord {
  readonly supervisor: ProcessRef;
  guard?: ProcessRef | undefined;
  processes: RecordedProcess[];
}

const GUARD_TIMEOUT_MS = 90_000;

/** Reads the record of the run that has, or had, this data folder. */
export function readRunRecord(dataDir: string): RunRecord | undefined {
  try {
    return JSON.parse(readFileSync(recordPath(dataDir), 'utf8')) as RunRecord;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Refusal(
      `${recordPath(dataDir)} cannot be read: make sure that no other Sluice runs on this data folder and delete that file.`,
    );
  }
}

/** Replaces the record in one step, so that no reader ever sees half of one. */
export function writeRunRecord(dataDir: string, record: RunRecord): void {
  const draft = `${recordPath(dataDir)}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(record, null, 2));
  renameSync(draft, recordPath(dataDir));
}

/** Gives the data folder back. */
export function removeRunRecord(dataDir: string): void {
  rmSync(recordPath(dataDir), { force: true });
}

/**
 * Takes a data folder for this process. What a killed run left behind is ended first: two Redis servers on one
 * append-only file would ruin it.
 *
 * @throws {Refusal} when a running supervisor has the folder, or it cannot be written
 */
export async function claimDataDir(dataDir: string, say: (line: string) => void): Promise<RunRecord> {
  try {
    mkdirSync(dataDir, { recursive: true });
  } catch (error) {
    throw new Refusal(
      `The data folder cannot be made (${(error as Error).message}): set DATA_DIR to one that can.`,
    );
  }
  const previous = readRunRecord(dataDir);
  if (previous && isRunning(previous.supervisor)) {
    throw new Refusal(
      `Sluice already runs on the data folder ${dataDir} (process ${previous.supervisor.pid}): stop it, or set DATA_DIR to another folder.`,
    );
  }
  if (previous) await endLeftovers(dataDir, previous, say);

  const supervisor = describeProcess(process.pid);
  if (!supervisor) throw new Error('This process cannot see itself in the list of processes.');
  const record: RunRecord = { supervisor, processes: [] };
  try {
    writeFileSync(recordPath(dataDir), JSON.stringify(record), { flag: 'wx' });
  } catch (error) {
    throw new Refusal(
      `The data folder cannot be taken (${(error as Error).message}): set DATA_DIR to another one.`,
    );
  }
  return record;
}

async function endLeftovers(
  dataDir: string,
  previous: RunRecord,
  say: (line: string) => void,
): Promise<void> {
  if (previous.guard && isRunning(previous.guard)) {
    say('The last run was killed and its services are still stopping; waiting for them ...');
    const { guard } = previous;
    await waitFor(() => !isRunning(guard), { timeoutMs: GUARD_TIMEOUT_MS, what: 'the last run to stop' });
  }
  const left = previous.processes.filter(isRunning);
  if (left.length > 0)
    say(`Ending what a killed run left running: ${left.map(({ name }) => name).join(', ')}.`);
  await endRun(previous);
  removeRunRecord(dataDir);
}

/** Ends every process of a run that is still there, the highest layer first. */
export async function endRun(record: RunRecord): Promise<void> {
  const layers = [...new Set(record.processes.map(({ layer }) => layer))].sort((a, b) => b - a);
  for (const layer of layers) {
    const members = record.processes.filter((member) => member.layer === layer);
    await Promise.all(members.map((member) => endProcessGroup(member, member.graceMs)));
  }
}

function recordPath(dataDir: string): string {
  return join(dataDir, 'run.json');
}

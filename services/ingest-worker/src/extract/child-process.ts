import { type ChildProcess, fork } from 'node:child_process';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import type { DocumentType } from '@sluice/shared/contracts/knowledge';
import { childFlags, demoteProcess } from './isolation.ts';
import type { ChildMessage, ExtractionReply, ExtractionTask } from './protocol.ts';
import { type ProcessLimits, watchLimits } from './watch-limits.ts';

/** What one extraction may take. */
export interface ExtractionLimits extends ProcessLimits {
  /** V8 heap of the child in MB. Buffers are not part of it. */
  heapMb: number;
}

/** How a task ended, seen from outside. */
export type ChildResult =
  | ExtractionReply
  | { kind: 'killed'; reason: KillReason }
  | { kind: 'died'; cause: 'heap' | 'crash' | 'killed' | 'start'; detail: string };

/** Why the parent ended a child. */
export type KillReason = 'timeout' | 'rss' | 'abort' | 'closed';

/** A process that extracts one document after the other. */
export interface ExtractionChild {
  readonly pid: number | undefined;
  /** Documents that it has been given. */
  readonly tasks: number;
  /** Settles when the process and its pipes are gone. */
  readonly exited: Promise<void>;
  /**
   * Hands over one document and waits for the reply or the end of the process.
   *
   * @throws the I/O error when the file cannot be read; the child is ended then.
   */
  run(path: string, type: DocumentType, signal?: AbortSignal): Promise<ChildResult>;
  /** SIGKILL, which a looping parser cannot put off; settles when the process is gone. */
  kill(reason: KillReason): Promise<void>;
}

interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
  error?: Error;
}

/** Kept from the child's stderr, where V8 says why it gave up. */
const STDERR_TAIL = 4096;

const HEAP_EXHAUSTED = /heap out of memory|Allocation failed|invalid (?:table|array|size)/i;

/** Starts a child with an empty environment, so that it inherits no secret. */
export function startChild(limits: ExtractionLimits): ExtractionChild {
  const child = fork(join(import.meta.dirname, 'child.ts'), [], {
    cwd: '/',
    env: {},
    execArgv: childFlags(limits.heapMb),
    serialization: 'advanced',
    stdio: ['pipe', 'ignore', 'pipe', 'ipc'],
  });
  const readStderr = keepTail(child);
  const exit = waitForExit(child);
  let tasks = 0;
  let ready = false;
  let reason: KillReason | undefined;
  child.once('message', () => (ready = true));
  // The pipe breaks when the child dies while it is written to; the exit tells why.
  child.stdin?.on('error', () => undefined);
  if (child.pid) void demoteProcess(child.pid);

  async function kill(because: KillReason): Promise<void> {
    reason ??= because;
    child.kill('SIGKILL');
    await exit;
  }

  async function describeExit(): Promise<ChildResult> {
    const { code, signal, error } = await exit;
    if (reason) return { kind: 'killed', reason };
    const stderr = readStderr();
    const detail = `code ${code}, signal ${signal}: ${error?.message ?? stderr}`;
    if (!ready) return { kind: 'died', cause: 'start', detail };
    if (HEAP_EXHAUSTED.test(stderr)) return { kind: 'died', cause: 'heap', detail };
    return { kind: 'died', cause: signal === 'SIGKILL' || signal === 'SIGTERM' ? 'killed' : 'crash', detail };
  }

  async function run(path: string, type: DocumentType, signal?: AbortSignal): Promise<ChildResult> {
    tasks++;
    const onAbort = (): void => void kill('abort');
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted) onAbort();
    const stopWatching = watchLimits(child.pid, limits, (limit) => void kill(limit));
    const reply = waitForReply(child);
    try {
      await sendDocument(child, path, type);
      return await Promise.race([reply.received, describeExit()]);
    } catch (error) {
      await kill('closed');
      throw error;
    } finally {
      reply.stop();
      stopWatching();
      signal?.removeEventListener('abort', onAbort);
    }
  }

  return {
    pid: child.pid,
    get tasks() {
      return tasks;
    },
    exited: exit.then(() => undefined),
    run,
    kill,
  };
}

/** Streams the file into the child; a child that dies meanwhile is not an error here. */
async function sendDocument(child: ChildProcess, path: string, type: DocumentType): Promise<void> {
  await using file = await open(path);
  const { size } = await file.stat();
  const task: ExtractionTask = { type, size };
  child.send(task, () => undefined);
  if (size === 0) return;
  let sent = 0;
  for await (const chunk of file.createReadStream({ start: 0, end: size - 1, autoClose: false })) {
    sent += (chunk as Buffer).length;
    if (!child.stdin?.writable) return;
    if (!child.stdin.write(chunk)) await waitForDrain(child.stdin);
  }
  if (sent < size) throw new Error(`${path} became shorter while it was read.`);
}

function waitForDrain(stream: Writable): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = (): void => {
    stream.off('drain', done).off('close', done);
    resolve();
  };
  stream.on('drain', done).on('close', done);
  return promise;
}

function waitForReply(child: ChildProcess): { received: Promise<ExtractionReply>; stop: () => void } {
  const { promise, resolve } = Promise.withResolvers<ExtractionReply>();
  const listen = (message: unknown): void => {
    const { kind } = message as ChildMessage;
    if (kind === 'reply') resolve(message as ExtractionReply);
  };
  child.on('message', listen);
  return { received: promise, stop: () => void child.off('message', listen) };
}

function waitForExit(child: ChildProcess): Promise<Exit> {
  const { promise, resolve } = Promise.withResolvers<Exit>();
  child.once('close', (code, signal) => resolve({ code, signal }));
  child.on('error', (error) => {
    if (child.pid === undefined) resolve({ code: null, signal: null, error });
  });
  return promise;
}

function keepTail(child: ChildProcess): () => string {
  let tail = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    tail = (tail + chunk).slice(-STDERR_TAIL);
  });
  return () => tail;
}

import { Worker } from 'node:worker_threads';
import { storeUnavailable } from '../unavailable.ts';
import {
  fromFailure,
  type SqliteOperations,
  type SqliteReply,
  type SqliteThreadOptions,
} from './protocol.ts';

/** The main thread's end of a SQLite thread. */
export interface SqliteThread {
  /** Calls an operation; calls are carried out in order. Rejects with `UnavailableError` once the thread has ended. */
  call<M extends keyof SqliteOperations>(
    method: M,
    ...args: Parameters<SqliteOperations[M]>
  ): Promise<ReturnType<SqliteOperations[M]>>;
  /** Lets the calls under way finish, closes the file and waits for the thread's end. Idempotent. */
  stop(): Promise<void>;
}

/** Starts a thread that works on one file; the file is opened, and created, by the first call. */
export function startSqliteThread(options: SqliteThreadOptions): SqliteThread {
  const worker = new Worker(new URL('../sqlite-thread.ts', import.meta.url), { workerData: options });
  const pending = new Map<number, PromiseWithResolvers<unknown>>();
  let lastId = 0;
  let ended: Error | undefined;
  let stopping: Promise<void> | undefined;

  function endWith(cause: unknown): void {
    ended ??= storeUnavailable(cause);
    for (const { reject } of pending.values()) reject(ended);
    pending.clear();
  }

  worker.on('message', (reply: SqliteReply) => {
    const call = pending.get(reply.id);
    pending.delete(reply.id);
    if ('failure' in reply) call?.reject(fromFailure(reply.failure));
    else call?.resolve(reply.value);
  });
  worker.on('error', endWith);
  const exited = new Promise<void>((resolve) => {
    worker.on('exit', (exitCode) => {
      endWith(new Error(`the SQLite thread ended with code ${exitCode}`));
      resolve();
    });
  });

  const call: SqliteThread['call'] = async (method, ...args) => {
    if (ended) throw ended;
    const id = ++lastId;
    const reply = Promise.withResolvers<unknown>();
    pending.set(id, reply);
    worker.postMessage({ id, method, args });
    return (await reply.promise) as ReturnType<SqliteOperations[typeof method]>;
  };

  async function closeAndExit(): Promise<void> {
    const closed = call('close');
    ended ??= storeUnavailable(new Error('the vector store has been closed'));
    await Promise.allSettled([closed]);
    await exited;
  }

  return {
    call,
    stop() {
      stopping ??= closeAndExit();
      return stopping;
    },
  };
}

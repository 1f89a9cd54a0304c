import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { DatabaseSync } from 'node:sqlite';
import {
  type SqliteOperations,
  type SqliteReply,
  type SqliteRequest,
  type SqliteThreadOptions,
  toFailure,
} from './sqlite/protocol.ts';
import { openDatabase } from './sqlite/database.ts';
import { createReader } from './sqlite/read.ts';
import { createWriter } from './sqlite/write.ts';

/** Serves requests in the order of their arrival, one at a time, until `close`. */
function serve(port: MessagePort, { path, space }: SqliteThreadOptions): void {
  let operations: SqliteOperations | undefined;
  port.on('message', (request: SqliteRequest) => {
    let reply: SqliteReply;
    try {
      operations ??= createOperations(openDatabase(path, space));
      reply = { id: request.id, value: callOperation(operations, request) };
    } catch (error) {
      reply = { id: request.id, failure: toFailure(error) };
    }
    port.postMessage(reply);
    if (request.method === 'close') port.close();
  });
}

function createOperations(db: DatabaseSync): SqliteOperations {
  return { ...createReader(db), ...createWriter(db), close: () => db.close() };
}

function callOperation(operations: SqliteOperations, { method, args }: SqliteRequest): unknown {
  return (operations[method] as (...args: readonly unknown[]) => unknown)(...args);
}

if (parentPort) serve(parentPort, workerData as SqliteThreadOptions);

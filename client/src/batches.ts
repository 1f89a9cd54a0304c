import type { Batch, BatchItem, BatchItemStatus, BatchPage, CreateBatchRequest } from './batch-types.ts';
import { randomKey } from './chat.ts';
import type { CallOptions } from './chat.ts';
import type { Settings } from './connection.ts';
import { follow } from './follow.ts';
import { parseData } from './frames.ts';
import type { Frame } from './frames.ts';
import { eventsRequest, postJson, requestData } from './request.ts';
import { appendFiles } from './upload.ts';
import type { FileInput } from './upload.ts';

/** How a batch is created. */
export interface CreateBatchOptions extends CallOptions {
  /** Makes creating twice the same as creating once, for as long as the server keeps it (24 h). */
  idempotencyKey?: string | undefined;
}

/** Many files as one: what to do with them is in {@link CreateBatchRequest}. */
export interface BatchesApi {
  /** Creates a batch: an open one to add files to, unless it has a manifest and `open` is not true. */
  create(request?: CreateBatchRequest, options?: CreateBatchOptions): Promise<Batch>;
  /**
   * Adds files, and zip archives, which the server unpacks; several calls at a time may. Sending the same files again, after
   * a failure, adds nothing twice. What is wrong with a file is in its item and touches no other.
   *
   * @returns the items, the first 1,000 of them
   */
  add(id: string, files: readonly FileInput[], options?: CallOptions): Promise<BatchItem[]>;
  /** Says that no more files come. A batch ends when it is closed and all its files have ended. */
  close(id: string, options?: CallOptions): Promise<Batch>;
  get(id: string, options?: CallOptions): Promise<Batch>;
  /** One page of the batches, newest first. */
  list(
    options?: CallOptions & { limit?: number | undefined; cursor?: string | undefined },
  ): Promise<BatchPage>;
  /** The files of a batch in the order of their coming, of one status or of all, page by page as they are asked for. */
  items(
    id: string,
    options?: CallOptions & { status?: BatchItemStatus | undefined },
  ): AsyncGenerator<BatchItem, void, void>;
  /**
   * The batch at every change, to its end, over as many connections as it takes. The last one has `ended_at`.
   *
   * @throws {SluiceApiError} 404 `not_found` when it is not known, or no longer kept
   */
  follow(id: string, options?: CallOptions): AsyncGenerator<Batch, void, void>;
  /** Stops feeding the workers; what they have goes on. */
  pause(id: string, options?: CallOptions): Promise<Batch>;
  resume(id: string, options?: CallOptions): Promise<Batch>;
  /** Drops what is not indexed yet. What is stays. */
  cancel(id: string, options?: CallOptions): Promise<Batch>;
  /** Ingests again what failed. */
  retry(id: string, options?: CallOptions): Promise<Batch>;
}

const BATCHES = '/api/knowledge/batches';
const batchPath = (id: string) => `${BATCHES}/${encodeURIComponent(id)}`;

/** Builds the batches' part of a client. */
export function createBatchesApi(settings: Settings): BatchesApi {
  const act =
    (action: string) =>
    (id: string, { signal }: CallOptions = {}) =>
      requestData<Batch>(settings, { method: 'POST', path: `${batchPath(id)}/${action}`, signal });

  return {
    create(request = {}, { idempotencyKey, signal } = {}) {
      const post = postJson(BATCHES, request, signal);
      const key = idempotencyKey ?? randomKey();
      return requestData<Batch>(settings, { ...post, headers: { ...post.headers, 'idempotency-key': key } });
    },
    async add(id, files, { signal } = {}) {
      if (files.length === 0) return [];
      const body = appendFiles(new FormData(), files);
      const path = `${batchPath(id)}/files`;
      const { items } = await requestData<{ items: BatchItem[] }>(settings, {
        method: 'POST',
        path,
        body,
        signal,
      });
      return items;
    },
    get: (id, { signal } = {}) => requestData<Batch>(settings, { path: batchPath(id), signal }),
    list({ limit, cursor, signal } = {}) {
      const query = new URLSearchParams();
      if (limit !== undefined) query.set('limit', String(limit));
      if (cursor !== undefined) query.set('cursor', cursor);
      return requestData<BatchPage>(settings, { path: `${BATCHES}?${query.toString()}`, signal });
    },
    async *items(id, { status, signal } = {}) {
      let cursor: string | undefined;
      do {
        const query = new URLSearchParams({ limit: '1000' });
        if (status !== undefined) query.set('status', status);
        if (cursor !== undefined) query.set('cursor', cursor);
        const path = `${batchPath(id)}/items?${query.toString()}`;
        const page: { items: BatchItem[]; next_cursor?: string } = await requestData(settings, {
          path,
          signal,
        });
        yield* page.items;
        cursor = page.next_cursor;
      } while (cursor !== undefined);
    },
    async *follow(id, { signal } = {}) {
      const path = `${batchPath(id)}/events`;
      const request = () => eventsRequest(path, undefined);
      for await (const events of follow(settings, { request, decode: decodeBatchFrame, signal }))
        for (const event of events) if (event.type === 'batch') yield event.batch;
    },
    close: act('close'),
    pause: act('pause'),
    resume: act('resume'),
    cancel: act('cancel'),
    retry: act('retry'),
  };
}

type BatchEvent = { type: 'batch'; batch: Batch } | { type: 'done' };

function decodeBatchFrame(frame: Frame): BatchEvent | undefined {
  if (frame.data === '[DONE]') return { type: 'done' };
  if (frame.event !== 'batch') return undefined;
  const { content: _content, ...batch } = parseData(frame);
  return { type: 'batch', batch: batch as unknown as Batch };
}

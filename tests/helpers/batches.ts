import assert from 'node:assert/strict';
import type { Batch, BatchItem } from '@sluice/shared/contracts/batches';
import { dataOf, postJson } from './api.ts';
import { waitFor } from './poll.ts';

/** What a request that adds files answers with. */
export interface Added {
  batch: Batch;
  items: BatchItem[];
}

/** A form with files, after its text fields. */
export function formOf(
  files: Record<string, string | Uint8Array<ArrayBuffer>>,
  fields: Record<string, string> = {},
): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  for (const [name, content] of Object.entries(files)) form.append('file', new File([content], name));
  return form;
}

/** Calls about batches, at one gateway. */
export function batchesAt(url: string) {
  const base = `${url}/api/knowledge/batches`;
  const get = async (id: string) => {
    const batch = await dataOf<Batch>(await fetch(`${base}/${id}`));
    checkSum(batch);
    return batch;
  };
  return {
    base,
    get,
    create: async (body: object) => dataOf<Batch>(await postJson(base, body)),
    send: async (form: FormData, id?: string) =>
      dataOf<Added>(
        await fetch(id === undefined ? base : `${base}/${id}/files`, { method: 'POST', body: form }),
      ),
    act: async (id: string, action: 'close' | 'pause' | 'resume' | 'cancel' | 'retry') =>
      dataOf<Batch>(await fetch(`${base}/${id}/${action}`, { method: 'POST' })),
    /** All items, page by page. */
    async items(id: string, query: Record<string, string> = {}): Promise<BatchItem[]> {
      const all: BatchItem[] = [];
      let cursor: string | undefined;
      do {
        const search = new URLSearchParams({ ...query, ...(cursor !== undefined && { cursor }) });
        const page = await dataOf<{ items: BatchItem[]; next_cursor?: string }>(
          await fetch(`${base}/${id}/items?${search.toString()}`),
        );
        all.push(...page.items);
        cursor = page.next_cursor;
      } while (cursor !== undefined);
      return all;
    },
    /** Waits until the batch has ended. */
    async ended(id: string, timeoutMs = 60_000): Promise<Batch> {
      let batch = await get(id);
      await waitFor(async () => (batch = await get(id)).ended_at !== undefined, {
        timeoutMs,
        what: 'the batch to end',
      });
      return batch;
    },
  };
}

/** Every file has one status, whatever is going on. */
export function checkSum({ items, counts }: Batch): void {
  const sum = Object.values(counts).reduce((total, count) => total + count, 0);
  assert.equal(sum, items, JSON.stringify(counts));
}

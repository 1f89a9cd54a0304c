import { openSqliteStore } from '@sluice/shared/vector-store/sqlite';
import { DIMENSIONS, makePoint } from './vector-store-fixtures.ts';

/**
 * A process of its own that writes documents of `CHUNKS` chunks, reporting each to its parent once acknowledged:
 * `node sqlite-writer.ts <folder> <prefix of document ids> <number of documents>`.
 */
const [folder, prefix, documents] = process.argv.slice(2);
if (!folder || !prefix || !documents)
  throw new Error('usage: sqlite-writer.ts <folder> <prefix> <documents>');

/** Chunks per document. */
const CHUNKS = 20;

await using store = await openSqliteStore({ folder, model: 'writer', dimensions: DIMENSIONS });
const tenant = store.forTenant('acme');
for (let i = 0; i < Number(documents); i++) {
  const id = `${prefix}${i}`;
  await tenant.upsert(Array.from({ length: CHUNKS }, (_, index) => makePoint(id, index)));
  process.send?.({ upserted: id });
  await tenant.activate(id, 1);
  process.send?.({ activated: id });
}
process.disconnect?.();

import { DatabaseSync } from 'node:sqlite';
import { load as loadSqliteVec } from 'sqlite-vec';
import { SluiceError } from '../../errors.ts';
import type { VectorSpace } from '../names.ts';

/** How long a statement waits for another process's transaction, in milliseconds. */
const BUSY_TIMEOUT = 10_000;

/** Reads through the page cache of the system took a dense search over 20,000 x 384 from 12.6 to 9.7 ms. */
const MMAP_BYTES = 1024 ** 3;

/**
 * Opens the file of one vector space, creating it if need be; any number of processes may do so at once.
 *
 * @throws SluiceError `vector_store_mismatch` when the file holds vectors of another space
 */
export function openDatabase(path: string, space: VectorSpace): DatabaseSync {
  const db = new DatabaseSync(path, { allowExtension: true, timeout: BUSY_TIMEOUT });
  try {
    loadSqliteVec(db);
    db.enableLoadExtension(false);
    // FULL, not NORMAL: in WAL mode, NORMAL may lose the last commits when power fails.
    db.exec(`pragma journal_mode = wal; pragma synchronous = full; pragma mmap_size = ${MMAP_BYTES}`);
    transact(db, 'immediate', () => createTables(db, space));
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * Runs `work` in one transaction. `immediate` takes the write lock at once, because a reader that turns writer after
 * another process has written fails with SQLITE_BUSY without waiting.
 */
export function transact<T>(db: DatabaseSync, mode: 'deferred' | 'immediate', work: () => T): T {
  db.exec(`begin ${mode}`);
  try {
    const result = work();
    db.exec('commit');
    return result;
  } catch (error) {
    if (db.isTransaction) db.exec('rollback');
    throw error;
  }
}

/** Name of the tenant's own full-text index: its word statistics are nobody else's business. */
export function nameTermsTable(tenantId: number): string {
  return `terms_${tenantId}`;
}

/**
 * Creates a tenant's full-text index. Tokens come from our tokenizer, joined by spaces; the `ascii` tokenizer only
 * splits them again: every character above ASCII, and of ASCII what our tokens may hold, belongs to a token.
 */
export function createTermsTable(db: DatabaseSync, tenantId: number): void {
  db.exec(`create virtual table if not exists ${nameTermsTable(tenantId)} using fts5(
    terms, content = '', contentless_delete = 1, tokenize = "ascii tokenchars '+#._'''")`);
}

function createTables(db: DatabaseSync, space: VectorSpace): void {
  db.exec(`
    create table if not exists space (model text not null, dimensions integer not null) strict;
    create table if not exists tenants (id integer primary key, name text not null unique) strict;
    create table if not exists chunks (
      id integer primary key,
      tenant integer not null references tenants (id),
      document text not null,
      version integer not null,
      position integer not null,
      active integer not null default 0,
      filename text not null,
      collection text not null,
      labels text not null,
      text text not null,
      char_start integer not null,
      char_end integer not null,
      gap text,
      page integer,
      page_end integer,
      headings text not null,
      unique (tenant, document, version, position)
    ) strict;
    create index if not exists chunks_by_collection on chunks (tenant, collection);
    create virtual table if not exists vectors using vec0(
      tenant integer partition key, active boolean, embedding float[${space.dimensions}], chunk_size = 128
    );
  `);
  const stored = db.prepare('select model, dimensions from space').get();
  if (!stored) {
    db.prepare('insert into space values (?, ?)').run(space.model, space.dimensions);
  } else if (stored['model'] !== space.model || stored['dimensions'] !== space.dimensions) {
    throw new SluiceError(
      500,
      'vector_store_mismatch',
      `The vector store's file belongs to ${String(stored['model'])} with ${String(stored['dimensions'])} dimensions.`,
    );
  }
}

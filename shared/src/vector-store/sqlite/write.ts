import type { DatabaseSync } from 'node:sqlite';
import { tokenize } from '../../text/tokenize.ts';
import type { Point } from '../port.ts';
import { createTermsTable, nameTermsTable, transact } from './database.ts';
import { createTenantLookup } from './tenants.ts';
import { toUnitVector } from './unit-vector.ts';

/** The statements that change the store; each call is one transaction. */
export interface SqliteWriter {
  upsert(tenant: string, points: readonly Point[]): void;
  activate(tenant: string, document: string, version: number): void;
  deleteDocument(tenant: string, document: string, version?: number): void;
  relabel(tenant: string, document: string, labels: readonly string[]): void;
}

export function createWriter(db: DatabaseSync): SqliteWriter {
  const findTenant = createTenantLookup(db);
  const insertTenant = db.prepare('insert into tenants (name) values (?)');
  // A point of an active version stays as it is: a late copy of an ingest job must not take it out of search.
  const insertChunk = db.prepare(`
    insert into chunks
      (tenant, document, version, position, filename, collection, labels, text, char_start, char_end, gap, page, page_end,
        headings)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    on conflict (tenant, document, version, position) do update set
      filename = excluded.filename, collection = excluded.collection, labels = excluded.labels,
      text = excluded.text, char_start = excluded.char_start,
      char_end = excluded.char_end, gap = excluded.gap, page = excluded.page, page_end = excluded.page_end, headings = excluded.headings
    where active = 0
    returning id`);
  const insertVector = db.prepare(
    'insert into vectors (rowid, tenant, active, embedding) values (?, ?, 0, ?)',
  );
  const deleteVector = db.prepare('delete from vectors where rowid = ?');
  const activateVector = db.prepare('update vectors set active = 1 where rowid = ?');
  const activateChunk = db.prepare('update chunks set active = 1 where id = ?');
  const updateLabels = db.prepare('update chunks set labels = ? where tenant = ? and document = ?');
  const deleteChunk = db.prepare('delete from chunks where id = ?');
  const selectNewerActive = db.prepare(
    'select id from chunks where tenant = ? and document = ? and version > ? and active = 1 limit 1',
  );
  const selectInactive = db.prepare(
    'select id from chunks where tenant = ? and document = ? and version = ? and active = 0',
  );
  const selectRange = db.prepare(
    'select id from chunks where tenant = ? and document = ? and version between ? and ?',
  );

  function registerTenant(name: string): number {
    const known = findTenant(name);
    if (known !== undefined) return known;
    const tenant = Number(insertTenant.run(name).lastInsertRowid);
    createTermsTable(db, tenant);
    return tenant;
  }

  function deleteVersions(tenant: number, document: string, lowest: number, highest: number): void {
    const deleteTerms = db.prepare(`delete from ${nameTermsTable(tenant)} where rowid = ?`);
    for (const { id } of selectRange.all(tenant, document, lowest, highest)) {
      deleteVector.run(BigInt(Number(id)));
      deleteTerms.run(id!);
      deleteChunk.run(id!);
    }
  }

  return {
    upsert(name, points) {
      transact(db, 'immediate', () => {
        const tenant = registerTenant(name);
        const insertTerms = db.prepare(
          `insert or replace into ${nameTermsTable(tenant)} (rowid, terms) values (?, ?)`,
        );
        for (const point of points) {
          const row = insertChunk.get(...toRow(tenant, point));
          if (!row) continue;
          const id = Number(row['id']);
          deleteVector.run(BigInt(id));
          const unit = toUnitVector(point.vector);
          if (unit) insertVector.run(BigInt(id), BigInt(tenant), unit);
          insertTerms.run(id, tokenize(point.indexedText).join(' '));
        }
      });
    },

    activate(name, document, version) {
      transact(db, 'immediate', () => {
        const tenant = findTenant(name);
        if (tenant === undefined) return;
        if (selectNewerActive.get(tenant, document, version)) {
          deleteVersions(tenant, document, 0, version);
          return;
        }
        for (const { id } of selectInactive.all(tenant, document, version)) {
          activateVector.run(BigInt(Number(id)));
          activateChunk.run(id!);
        }
        deleteVersions(tenant, document, 0, version - 1);
      });
    },

    deleteDocument(name, document, version) {
      transact(db, 'immediate', () => {
        const tenant = findTenant(name);
        if (tenant === undefined) return;
        deleteVersions(tenant, document, version ?? 0, version ?? Number.MAX_SAFE_INTEGER);
      });
    },

    relabel(name, document, labels) {
      transact(db, 'immediate', () => {
        const tenant = findTenant(name);
        if (tenant !== undefined) updateLabels.run(JSON.stringify(labels), tenant, document);
      });
    },
  };
}

function toRow(tenant: number, point: Point): (string | number | null)[] {
  return [
    tenant,
    point.documentId,
    point.version,
    point.index,
    point.filename,
    point.collection,
    JSON.stringify(point.labels),
    point.text,
    point.start,
    point.end,
    point.gap ?? null,
    point.page ?? null,
    point.pageEnd ?? null,
    JSON.stringify(point.headings),
  ];
}

import type { DatabaseSync, SQLInputValue, SQLOutputValue } from 'node:sqlite';
import { tokenizeQuery } from '../bm25.ts';
import type {
  Chunk,
  ChunkRef,
  Hit,
  SearchFilter,
  SearchRequest,
  SearchResult,
  StoredVersion,
} from '../port.ts';
import { nameTermsTable, transact } from './database.ts';
import { createTenantLookup } from './tenants.ts';
import { toCosine, toUnitVector } from './unit-vector.ts';

/** The statements that only read; each call sees one snapshot. */
export interface SqliteReader {
  ping(): void;
  count(tenant: string, document?: string, version?: number): number;
  read(tenant: string, refs: readonly ChunkRef[]): Chunk[];
  versions(tenant: string): StoredVersion[];
  search(tenant: string, request: SearchRequest): SearchResult;
}

type Row = Record<string, SQLOutputValue>;

/** What each part of a filter asks of a chunk; the parts are bound as JSON under their names. */
const CONDITIONS: Record<keyof SearchFilter, string> = {
  documents: 'document in (select value from json_each(:documents))',
  collections: 'collection in (select value from json_each(:collections))',
  labels: `not exists (
    select 1 from json_each(:labels) as wanted where not exists (
      select 1 from json_each(chunks.labels) as own
      where own.value in (select value from json_each(wanted.value))))`,
};

/** A filter as SQL: `ids` selects the chunks that pass, of `:tenant`; empty when all do. */
interface FilterSql {
  ids: string;
  parameters: Record<string, string>;
}

export function createReader(db: DatabaseSync): SqliteReader {
  const findTenant = createTenantLookup(db);
  const selectSpace = db.prepare('select count(*) from space');
  const selectChunk = db.prepare('select * from chunks where id = ?');
  // `cross join` keeps the order: SQLite would go through all of the tenant's chunks, 68 ms instead of 0.3 for 10 of 7,500.
  const selectActive = db.prepare(`
    select chunks.* from json_each(?) as refs cross join chunks on
      tenant = ? and document = refs.value ->> 'documentId' and version = refs.value ->> 'version'
      and position = refs.value ->> 'index' and active = 1`);
  const selectVersions = db.prepare(
    'select document, version, max(active) as active from chunks where tenant = ? group by document, version',
  );

  function readHit(id: SQLOutputValue, score: number): Hit {
    return toHit(selectChunk.get(id!)!, score);
  }

  function searchDense(tenant: number, vector: Float32Array, limit: number, filter: FilterSql): Hit[] {
    const unit = toUnitVector(vector);
    if (!unit) return [];
    const condition = filter.ids && `and rowid in (${filter.ids})`;
    const rows = db
      .prepare(
        `select rowid, distance from vectors
        where embedding match :vector and k = :limit and tenant = :tenant and active = 1 ${condition}
        order by distance`,
      )
      .all({ tenant: BigInt(tenant), vector: unit, limit, ...filter.parameters });
    return rows.map((row) => readHit(row['rowid']!, toCosine(Number(row['distance']))));
  }

  function searchLexical(tenant: number, text: string, limit: number, filter: FilterSql): Hit[] {
    const terms = tokenizeQuery(text);
    if (terms.length === 0) return [];
    const parameters = { match: terms.map((term) => `"${term}"`).join(' OR '), limit };
    const table = nameTermsTable(tenant);
    const rows = filter.ids
      ? selectMatches(db, table, `+rowid in (${filter.ids})`, { ...parameters, tenant, ...filter.parameters })
      : selectMatches(db, table, `(select active from chunks where id = ${table}.rowid)`, parameters);
    return rows.map((row) => readHit(row['rowid']!, -Number(row['score'])));
  }

  return {
    ping() {
      selectSpace.get();
    },

    count(name, document, version) {
      return transact(db, 'deferred', () => {
        const tenant = findTenant(name);
        return tenant === undefined ? 0 : countChunks(db, { tenant, document, version });
      });
    },

    search(name, { vector, text, limit, filter }) {
      return transact(db, 'deferred', () => {
        const tenant = findTenant(name);
        if (tenant === undefined) return { dense: [], lexical: [] };
        const conditions = toSql(filter);
        return {
          dense: vector ? searchDense(tenant, vector, limit, conditions) : [],
          lexical: text === undefined ? [] : searchLexical(tenant, text, limit, conditions),
        };
      });
    },

    read(name, refs) {
      const tenant = findTenant(name);
      return tenant === undefined ? [] : selectActive.all(JSON.stringify(refs), tenant).map(toChunk);
    },

    versions(name) {
      const tenant = findTenant(name);
      if (tenant === undefined) return [];
      return selectVersions.all(tenant).map((row) => ({
        documentId: String(row['document']),
        version: Number(row['version']),
        active: row['active'] === 1,
      }));
    },
  };
}

function toSql(filter: SearchFilter = {}): FilterSql {
  const parts = (Object.keys(CONDITIONS) as (keyof SearchFilter)[]).filter((part) => filter[part]);
  if (parts.length === 0) return { ids: '', parameters: {} };
  const conditions = parts.map((part) => CONDITIONS[part]).join(' and ');
  return {
    ids: `select id from chunks where tenant = :tenant and active = 1 and ${conditions}`,
    parameters: Object.fromEntries(parts.map((part) => [part, JSON.stringify(filter[part])])),
  };
}

/**
 * `+rowid` keeps the condition out of FTS5, which would run the whole match again for every row id: 0.5 s instead of
 * 8 ms for 150 chunks of 20,000.
 */
function selectMatches(
  db: DatabaseSync,
  table: string,
  condition: string,
  parameters: Record<string, SQLInputValue>,
): Row[] {
  const statement = db.prepare(`
    select rowid, bm25(${table}) as score from ${table}
    where ${table} match :match and ${condition}
    order by score, rowid limit :limit`);
  return statement.all(parameters);
}

function countChunks(db: DatabaseSync, parts: Record<string, SQLInputValue | undefined>): number {
  const given = Object.entries(parts).filter(
    (part): part is [string, SQLInputValue] => part[1] !== undefined,
  );
  const conditions = given.map(([column]) => `${column} = ?`).join(' and ');
  const row = db
    .prepare(`select count(*) as n from chunks where ${conditions}`)
    .get(...given.map(([, value]) => value));
  return Number(row?.['n']);
}

function toHit(row: Row, score: number): Hit {
  return { ...toChunk(row), score };
}

function toChunk(row: Row): Chunk {
  const { gap, page, page_end: pageEnd } = row;
  return {
    documentId: String(row['document']),
    version: Number(row['version']),
    index: Number(row['position']),
    filename: String(row['filename']),
    collection: String(row['collection']),
    labels: JSON.parse(String(row['labels'])) as string[],
    text: String(row['text']),
    start: Number(row['char_start']),
    end: Number(row['char_end']),
    ...(gap !== null && { gap: String(gap) }),
    ...(page !== null && { page: Number(page) }),
    ...(pageEnd !== null && { pageEnd: Number(pageEnd) }),
    headings: JSON.parse(String(row['headings'])) as string[],
  };
}

import type { QdrantClient, Schemas } from '@qdrant/js-client-rest';
import { toSparseQuery } from '../bm25.ts';
import type { Hit, SearchFilter, SearchRequest, TenantVectors } from '../port.ts';
import { MAX_SEARCH_LIMIT } from '../guard.ts';
import { MAX_UPSERT_BATCH } from './collection.ts';
import { namePoint, toChunk, toHit, toPointStruct, toStoredVersion } from './points.ts';

/** Runs one request against the collection once that exists, and translates errors. */
export type SendRequest = <T>(work: (client: QdrantClient, collection: string) => Promise<T>) => Promise<T>;

type Condition = Schemas['FieldCondition'];

/** Points of one page of a listing; within the collection's strict limit. */
const SCROLL_PAGE = MAX_SEARCH_LIMIT;

/** One tenant's view of a collection: `matchTenant` is the only maker of filters here. */
export function createTenantVectors(send: SendRequest, tenant: string): TenantVectors {
  function matchTenant(...conditions: Condition[]): { must: Condition[] } {
    return { must: [match('tenant', tenant), ...conditions] };
  }

  async function deletePoints(filter: Schemas['Filter']): Promise<void> {
    await send((client, collection) => client.delete(collection, { filter, wait: true }));
  }

  async function countPoints(...conditions: Condition[]): Promise<number> {
    const filter = matchTenant(...conditions);
    const { count } = await send((client, collection) => client.count(collection, { filter, exact: true }));
    return count;
  }

  return {
    async upsert(points) {
      for (let first = 0; first < points.length; first += MAX_UPSERT_BATCH) {
        const batch = points
          .slice(first, first + MAX_UPSERT_BATCH)
          .map((point) => toPointStruct(tenant, point));
        // A point of an active version stays as it is: a late copy of an ingest job must not take it out of search.
        const update_filter = matchTenant(match('active', false));
        await send((client, collection) =>
          client.upsert(collection, { points: batch, update_filter, wait: true }),
        );
      }
    },

    async activate(documentId, version) {
      const document = match('document', documentId);
      const newer = { key: 'version', range: { gt: version } };
      if ((await countPoints(document, newer, match('active', true))) > 0) {
        await deletePoints(matchTenant(document, { key: 'version', range: { lte: version } }));
        return;
      }
      const activated = matchTenant(document, match('version', version));
      const replaced = matchTenant(document, { key: 'version', range: { lt: version } });
      await send((client, collection) =>
        client.batchUpdate(collection, {
          operations: [
            { set_payload: { payload: { active: true }, filter: activated } },
            { delete: { filter: replaced } },
          ],
          wait: true,
        }),
      );
    },

    async deleteDocument(documentId, version) {
      await deletePoints(matchTenant(...matchDocument(documentId, version)));
    },

    async relabel(documentId, labels) {
      const filter = matchTenant(match('document', documentId));
      await send((client, collection) =>
        client.setPayload(collection, { payload: { labels }, filter, wait: true }),
      );
    },

    async read(refs) {
      const filter: Schemas['Filter'] = {
        must: [
          ...matchTenant(match('active', true)).must,
          { has_id: refs.map((ref) => namePoint(tenant, ref)) },
        ],
      };
      const { points } = await send((client, collection) =>
        client.scroll(collection, { filter, limit: refs.length, with_payload: true }),
      );
      return points.map(({ payload }) => toChunk(payload));
    },

    async *versions() {
      // Chunks are written in order, so every version that has points has the first one.
      const filter = matchTenant(match('index', 0));
      let offset: Schemas['ScrollRequest']['offset'];
      do {
        const page = await send((client, collection) =>
          client.scroll(collection, {
            filter,
            limit: SCROLL_PAGE,
            with_payload: ['document', 'version', 'active'],
            ...(offset !== undefined && { offset }),
          }),
        );
        for (const { payload } of page.points) yield toStoredVersion(payload);
        offset = page.next_page_offset;
      } while (offset !== undefined && offset !== null);
    },

    async count(documentId, version) {
      return await countPoints(...matchDocument(documentId, version));
    },

    async search(request) {
      const filter = matchTenant(match('active', true), ...matchFilter(request.filter));
      const dense = describeDense(request, filter);
      const lexical = describeLexical(request, filter, matchTenant());
      const searches = [dense, lexical].filter((search) => search !== undefined);
      if (searches.length === 0) return { dense: [], lexical: [] };
      const results = await send((client, collection) => client.queryBatch(collection, { searches }));
      const rankings = dropReplaced(results.map((result) => result.points.map(toHit)));
      return {
        dense: (dense && rankings.shift()) ?? [],
        lexical: (lexical && rankings.shift()) ?? [],
      };
    },
  };
}

function match(key: string, value: string | number | boolean): Condition {
  return { key, match: { value } };
}

function matchDocument(documentId?: string, version?: number): Condition[] {
  return [
    ...(documentId === undefined ? [] : [match('document', documentId)]),
    ...(version === undefined ? [] : [match('version', version)]),
  ];
}

function matchFilter({ documents, collections, labels = [] }: SearchFilter = {}): Condition[] {
  return [
    ...(documents ? [matchAny('document', documents)] : []),
    ...(collections ? [matchAny('collection', collections)] : []),
    ...labels.map((group) => matchAny('labels', group)),
  ];
}

function matchAny(key: string, values: readonly string[]): Condition {
  return { key, match: { any: [...values] } };
}

/** A vector of zeros has no direction, so no ranking either. */
function describeDense(
  { vector, limit }: SearchRequest,
  filter: Schemas['Filter'],
): Schemas['QueryRequest'] | undefined {
  if (!vector?.some((value) => value !== 0)) return undefined;
  return {
    query: [...vector],
    using: 'dense',
    filter,
    limit,
    with_payload: true,
    params: { quantization: { rescore: true, oversampling: 2 } },
  };
}

/** Word statistics come from the tenant's own chunks (`idf.corpus`, Qdrant 1.19), not from everybody's. */
function describeLexical(
  { text, limit }: SearchRequest,
  filter: Schemas['Filter'],
  corpus: Schemas['Filter'],
): Schemas['QueryRequest'] | undefined {
  const query = toSparseQuery(text ?? '');
  if (query.indices.length === 0) return undefined;
  return { query, using: 'bm25', filter, limit, with_payload: true, params: { idf: { corpus } } };
}

/** While a batch update runs, the new version is active and the old one not yet deleted: the newest counts. */
function dropReplaced(rankings: Hit[][]): Hit[][] {
  const newest = new Map<string, number>();
  for (const { documentId, version } of rankings.flat()) {
    newest.set(documentId, Math.max(version, newest.get(documentId) ?? version));
  }
  return rankings.map((hits) => hits.filter((hit) => hit.version === newest.get(hit.documentId)));
}

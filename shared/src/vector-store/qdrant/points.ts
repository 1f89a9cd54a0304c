import type { Schemas } from '@qdrant/js-client-rest';
import { v5 as uuidv5 } from 'uuid';
import { z } from 'zod';
import { toSparseVector } from '../bm25.ts';
import type { Chunk, ChunkRef, Hit, Point, StoredVersion } from '../port.ts';

const POINT_NAMESPACE = '5f1d2c1e-9d0b-5c0e-8f57-3a1f6f0f7a11';

const payloadSchema = z.object({
  document: z.string(),
  version: z.number(),
  index: z.number(),
  filename: z.string(),
  collection: z.string(),
  labels: z.array(z.string()),
  text: z.string(),
  start: z.number(),
  end: z.number(),
  gap: z.string().optional(),
  page: z.number().optional(),
  page_end: z.number().optional(),
  headings: z.array(z.string()),
});

const storedVersionSchema = z.object({ document: z.string(), version: z.number(), active: z.boolean() });

/** A tenant's point as Qdrant stores it, not yet visible to search. */
export function toPointStruct(tenant: string, point: Point): Schemas['PointStruct'] {
  return {
    id: namePoint(tenant, point),
    vector: { dense: [...point.vector], bm25: toSparseVector(point.indexedText) },
    payload: {
      tenant,
      active: false,
      document: point.documentId,
      version: point.version,
      index: point.index,
      filename: point.filename,
      collection: point.collection,
      labels: point.labels,
      text: point.text,
      start: point.start,
      end: point.end,
      ...(point.gap !== undefined && { gap: point.gap }),
      ...(point.page !== undefined && { page: point.page }),
      ...(point.pageEnd !== undefined && { page_end: point.pageEnd }),
      headings: point.headings,
    },
  };
}

/** The hit that a stored payload describes. */
export function toHit({ payload, score }: Schemas['ScoredPoint']): Hit {
  return { ...toChunk(payload), score };
}

/** The chunk that a stored payload describes. */
export function toChunk(payload: unknown): Chunk {
  const { document, gap, page, page_end: pageEnd, ...chunk } = payloadSchema.parse(payload);
  return {
    ...chunk,
    documentId: document,
    ...(gap !== undefined && { gap }),
    ...(page !== undefined && { page }),
    ...(pageEnd !== undefined && { pageEnd }),
  };
}

/** What a listing of versions reads of a stored payload. */
export function toStoredVersion(payload: unknown): StoredVersion {
  const { document, version, active } = storedVersionSchema.parse(payload);
  return { documentId: document, version, active };
}

/** UUIDv5 of `tenant:document:version:index`; colons within the parts are escaped, so that no two points share an id. */
export function namePoint(tenant: string, { documentId, version, index }: ChunkRef): string {
  const parts = [tenant, documentId].map((part) => part.replaceAll('%', '%25').replaceAll(':', '%3A'));
  return uuidv5([...parts, version, index].join(':'), POINT_NAMESPACE);
}

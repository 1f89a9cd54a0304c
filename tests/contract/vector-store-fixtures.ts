import assert from 'node:assert/strict';
import type { Hit, Point, SearchRequest, TenantVectors } from '@sluice/shared/vector-store/port';

/** Length of the vectors that the suite writes. */
export const DIMENSIONS = 4;

/** A point of one document; its indexed text is its text unless given. */
export function makePoint(documentId: string, index: number, changes: Partial<Point> = {}): Point {
  const text = changes.text ?? `chunk ${index} of ${documentId}`;
  return {
    documentId,
    version: 1,
    index,
    filename: `${documentId}.md`,
    collection: 'default',
    labels: [],
    start: 0,
    end: text.length,
    headings: [],
    vector: Float32Array.of(1, index, 0, 0),
    indexedText: text,
    ...changes,
    text,
  };
}

/** Writes and activates points, and returns the tenant for chaining. */
export async function writeActive(tenant: TenantVectors, ...points: Point[]): Promise<TenantVectors> {
  await tenant.upsert(points);
  for (const { documentId, version } of points) await tenant.activate(documentId, version);
  return tenant;
}

/** A request for both rankings. */
export function both(text: string, limit = 10): SearchRequest {
  return { vector: Float32Array.of(1, 0, 0, 0), text, limit };
}

/** How many hits each ranking holds. */
export function countHits({
  dense,
  lexical,
}: {
  dense: Hit[];
  lexical: Hit[];
}): [dense: number, lexical: number] {
  return [dense.length, lexical.length];
}

/** Scores of quantized vectors and of float32 arithmetic differ in the last digits. */
export function assertClose(actual: number | undefined, expected: number): void {
  assert.ok(actual !== undefined && Math.abs(actual - expected) < 1e-3, `${actual} is not about ${expected}`);
}

import type { z } from 'zod';
import type { Metadata, metadataFilterSchema } from './contracts/knowledge.ts';

/** The facts that a store can filter by: one `key=value` for each value of the metadata. */
export function labelsOf(metadata: Metadata): string[] {
  return Object.entries(metadata).flatMap(([key, value]) => labelsOfKey(key, value));
}

/** A filter as groups of labels: a document must have one label of each group. */
export function labelGroups(filter: z.infer<typeof metadataFilterSchema>): string[][] {
  return Object.entries(filter).map(([key, value]) => labelsOfKey(key, value));
}

function labelsOfKey(key: string, value: Metadata[string]): string[] {
  return (Array.isArray(value) ? value : [value]).map((one) => `${key}=${one}`);
}

import { createHash } from 'node:crypto';
import { TOKENIZER_VERSION } from '../text/tokenize.ts';

/** Version of tables and payloads; raise it when data written before can no longer be read. */
const LAYOUT_VERSION = 3;

/** What the vectors of one index have in common; vectors of different spaces cannot be compared. */
export interface VectorSpace {
  /** Name of the embedding model, as the provider spells it. */
  model: string;
  /** Length of every vector. */
  dimensions: number;
}

/**
 * Name of the collection or file that holds a vector space: a readable slug, then 8 hex digits that tell apart models
 * whose slugs are equal, then the versions of layout and tokenizer. Lower-case letters, digits, `-` and `_` only.
 */
export function nameIndex({ model, dimensions }: VectorSpace): string {
  const slug = model
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 48);
  const digest = createHash('sha256').update(model).digest('hex').slice(0, 8);
  return `${slug}_${dimensions}_${digest}_v${LAYOUT_VERSION}t${TOKENIZER_VERSION}`;
}

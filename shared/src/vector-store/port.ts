import type { VectorSpace } from './names.ts';

/** A passage of a document with everything needed to cite it. Offsets are UTF-16 code units into the extracted text. */
export interface Chunk {
  documentId: string;
  version: number;
  /** Position among the chunks of its document version, from 0. */
  index: number;
  filename: string;
  /** Named group of documents. */
  collection: string;
  /** The document's metadata as facts to filter by, such as `year=2026`; at most 200. */
  labels: string[];
  text: string;
  start: number;
  end: number;
  /** White space between the chunk before and this one; absent where they touch or overlap, or lie far apart. */
  gap?: string;
  /** First and last page, from 1; absent where the format has no pages. */
  page?: number;
  pageEnd?: number;
  /** Headings above the chunk, outermost first. */
  headings: string[];
}

/** A chunk on its way into the store. */
export interface Point extends Chunk {
  /** Dense embedding; length = the store's dimensions. */
  vector: Float32Array;
  /** Text that BM25 indexes: the headings and the chunk's own text. */
  indexedText: string;
}

/** A chunk that a search found. */
export interface Hit extends Chunk {
  /** Cosine similarity (-1 to 1) in a dense result, BM25 score (above 0, unbounded) in a lexical one. */
  score: number;
}

/** Which chunks a search may return; an absent part means all of the tenant's. */
export interface SearchFilter {
  /** Only these documents. */
  documents?: readonly string[];
  /** Only documents of these collections. */
  collections?: readonly string[];
  /** Only documents that have, of each group, at least one label. */
  labels?: readonly (readonly string[])[];
}

/** Address of one chunk. */
export type ChunkRef = Pick<Chunk, 'documentId' | 'version' | 'index'>;

/** One version of a document that has points, be it only some. */
export interface StoredVersion {
  documentId: string;
  version: number;
  /** Whether search sees it. */
  active: boolean;
}

/** One search; each part that is given yields its own ranking. Fusing them is the work of `retrieval/`. */
export interface SearchRequest {
  vector?: Float32Array;
  text?: string;
  /** Most hits per ranking. */
  limit: number;
  filter?: SearchFilter;
}

/** Rankings, best first; empty where the request had no such part. */
export interface SearchResult {
  dense: Hit[];
  lexical: Hit[];
}

/**
 * One tenant's view of the store, and the only way to its data: the tenant filter is applied here and nowhere else.
 */
export interface TenantVectors {
  /**
   * Writes points under deterministic ids (tenant, document, version, index): the same points again change nothing.
   * They stay invisible to search until their version is activated; a point that is already active is left as it is,
   * so that a late copy of an ingest job cannot take it out of search. At most a few hundred per call.
   *
   * @throws SluiceError `wrong_vector_length`, or `invalid_vector` (NaN, infinity)
   */
  upsert(points: readonly Point[]): Promise<void>;
  /**
   * Makes one version of a document the one that search sees and deletes the lower ones. Versions only rise: where a
   * higher one is active already, a late ingest job has lost, and its own version is deleted instead. A higher version
   * that is still being written stays. Idempotent.
   */
  activate(documentId: string, version: number): Promise<void>;
  /** Deletes all versions of a document, or only the one given. Idempotent. */
  deleteDocument(documentId: string, version?: number): Promise<void>;
  /** Gives all chunks of a document, of any version, these labels in place of theirs. */
  relabel(documentId: string, labels: readonly string[]): Promise<void>;
  /** The active chunks of these addresses, at most 200, in no particular order; those that are not there are left out. */
  read(refs: readonly ChunkRef[]): Promise<Chunk[]>;
  /** Every version of every document that has points, in no particular order; one written meanwhile may be missing. */
  versions(): AsyncIterable<StoredVersion>;
  /** Points of the tenant, of one document, or of one version of it, searchable or not. */
  count(documentId?: string, version?: number): Promise<number>;
  /**
   * Searches active versions only. A vector of zeros, and a text without words, yield an empty ranking.
   *
   * @throws SluiceError as `upsert`; RequestError `invalid_limit` when the limit is not an integer from 1 to 200
   */
  search(request: SearchRequest): Promise<SearchResult>;
}

/**
 * Chunks with their vectors, for many tenants. Adapters: `sqlite.ts`, `qdrant.ts`; `tests/contract` holds what both must pass.
 * Every method throws `UnavailableError` (`vector_store_unavailable`) when the store cannot be reached.
 */
export interface VectorStore extends AsyncDisposable {
  /** What its vectors are: queries must be embedded likewise. */
  readonly space: VectorSpace;
  forTenant(tenant: string): TenantVectors;
  /** Resolves when the store answers. */
  ping(): Promise<void>;
}

import type { Failure, Metadata } from './types.ts';

/** Where a file of a batch is. From `ready` on it is where it stays. */
export type BatchItemStatus =
  | 'receiving'
  | 'pending'
  | 'queued'
  | 'processing'
  | 'ready'
  | 'duplicate'
  | 'failed'
  | 'refused'
  | 'cancelled';

/** One file of a batch. */
export interface BatchItem {
  id: string;
  /** With its path, as it was sent or as the archive has it. */
  filename: string;
  status: BatchItemStatus;
  bytes?: number | undefined;
  /** SHA-256 of the bytes, hex. */
  hash?: string | undefined;
  document_id?: string | undefined;
  version?: number | undefined;
  /** Why it was not taken, or could not be read. */
  error?: Failure | undefined;
  /** ISO 8601. */
  added_at: string;
}

/** A batch as it is now. */
export interface Batch {
  id: string;
  name?: string | undefined;
  collection: string;
  replace: 'external_id' | 'filename' | 'none';
  metadata: Metadata;
  state: 'open' | 'running' | 'paused' | 'cancelling' | 'cancelled' | 'done';
  /** Whether files may still be added. */
  open: boolean;
  /** How many files there are; the counts of all statuses together. */
  items: number;
  counts: Record<BatchItemStatus, number>;
  /** Of all files that were taken. */
  bytes: number;
  /** Time left at the rate of the last minute; absent while there is none. */
  estimated_seconds?: number | undefined;
  /** ISO 8601. */
  created_at: string;
  /** ISO 8601; absent until it has ended. */
  ended_at?: string | undefined;
}

/** One page of batches, newest first. */
export interface BatchPage {
  batches: Batch[];
  /** Of all pages. */
  total: number;
  /** Where the next page begins; absent on the last. */
  next_cursor?: string | undefined;
}

/** A batch to be created. */
export interface CreateBatchRequest {
  /** For people. */
  name?: string | undefined;
  /** `default` unless given. */
  collection?: string | undefined;
  /** Of every document. */
  metadata?: Metadata | undefined;
  /** By what a file is a new version of a document; `external_id` means by its path. `none` unless given. */
  replace?: 'external_id' | 'filename' | 'none' | undefined;
  /** Files whose bytes were uploaded before, 1 to 10,000. */
  manifest?:
    | {
        /** SHA-256 of the bytes, hex. */
        hash: string;
        /** The collection that has the bytes; `default` unless given. */
        from?: string | undefined;
        filename?: string | undefined;
        external_id?: string | undefined;
        metadata?: Metadata | undefined;
      }[]
    | undefined;
  /** Whether files will be added; true unless there is a manifest. */
  open?: boolean | undefined;
}

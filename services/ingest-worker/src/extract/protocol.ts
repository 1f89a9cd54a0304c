import type { DocumentErrorCode } from '@sluice/shared/errors';
import type { DocumentType } from '@sluice/shared/contracts/knowledge';
import type { ExtractedDocument } from './document.ts';

/** Parent to child: a document of `size` bytes follows on stdin. */
export interface ExtractionTask {
  type: DocumentType;
  size: number;
}

/** Child to parent: how the task ended. `internal` is a fault of ours, not of the document. */
export type ExtractionOutcome =
  | { kind: 'done'; document: ExtractedDocument }
  | { kind: 'refused'; code: DocumentErrorCode; message: string; cause?: string }
  | { kind: 'internal'; message: string };

/** Child to parent: the outcome and what it cost. */
export interface ExtractionReply {
  kind: 'reply';
  outcome: ExtractionOutcome;
  /** Milliseconds of work on the document, without the start of the process. */
  elapsedMs: number;
  /** Resident memory after the task, in bytes. */
  rss: number;
  /** Highest resident memory since the process started, in bytes. */
  peakRss: number;
}

/** Child to parent: `ready` once, then one reply per task. A child that dies before it is no document's fault. */
export type ChildMessage = { kind: 'ready' } | ExtractionReply;

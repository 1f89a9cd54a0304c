import type { DocumentEvent } from '@sluice/client';

/** Where a file that is uploaded by itself is. From `ready` on it is where it stays. */
export type UploadStage =
  /** The server is asked whether it has the bytes. */
  | 'checking'
  /** It waits for its turn to be sent. */
  | 'waiting'
  | 'sending'
  /** It waits for a worker. */
  | 'queued'
  /** Its text is being extracted. */
  | 'reading'
  /** It is being split, embedded and stored. */
  | 'indexing'
  | 'ready'
  /** The same bytes are there. */
  | 'duplicate'
  | 'failed'
  | 'cancelled';

/** What is wrong, as the server says it. */
export interface Fault {
  code: string;
  message: string;
}

/** One file on its way. */
export interface UploadItem {
  key: number;
  /** With its path, if it is of a folder. */
  path: string;
  bytes: number;
  stage: UploadStage;
  /** Bytes of the request that are sent, and all of them. */
  sent: { done: number; total: number };
  /** Passages that are indexed, and about how many there will be; 0 until that is known. */
  indexed: { done: number; total: number };
  /** Documents before it in the queue. */
  ahead?: number | undefined;
  documentId?: string | undefined;
  /** Above 1 when it replaces what was there. */
  version?: number | undefined;
  chunks?: number | undefined;
  fault?: Fault | undefined;
}

/** What is wrong with the file itself: the same bytes fail again. */
const OF_THE_FILE: ReadonlySet<string> = new Set([
  'unsupported_type',
  'type_mismatch',
  'too_large',
  'empty',
  'encrypted',
  'no_text',
  'corrupt',
  'too_large_uncompressed',
  'resource_limit',
  'unsafe_path',
  'symbolic_link',
  'unreadable',
]);

/** Whether another try with the same bytes may succeed. */
export function mayPass({ code }: Fault): boolean {
  return !OF_THE_FILE.has(code);
}

/** Whether nothing more comes. */
export function hasEnded({ stage }: Pick<UploadItem, 'stage'>): boolean {
  return stage === 'ready' || stage === 'duplicate' || stage === 'failed' || stage === 'cancelled';
}

/** What an event of the document's stream makes of the item. */
export function applyEvent(item: UploadItem, event: DocumentEvent): void {
  switch (event.type) {
    case 'queued':
      item.stage = 'queued';
      item.ahead = event.position;
      break;
    case 'started':
    case 'continued':
      if (item.stage !== 'indexing') item.stage = 'reading';
      break;
    case 'reset':
      item.stage = 'reading';
      item.indexed = { done: 0, total: 0 };
      break;
    case 'progress':
      applyProgress(item, event);
      break;
    case 'done':
      item.stage = 'ready';
      item.chunks = event.chunks;
      break;
    case 'cancelled':
      item.stage = 'cancelled';
      break;
  }
}

function applyProgress(
  item: UploadItem,
  { stage, done, total }: Extract<DocumentEvent, { type: 'progress' }>,
): void {
  const isRead = stage !== 'extract' || (total > 0 && done >= total);
  item.stage = isRead ? 'indexing' : 'reading';
  if (stage === 'embed' || stage === 'upsert') item.indexed = { done, total };
}

/** Shares of the whole bar: sending is what the user waits for most, then reading and embedding. */
const SENT = 0.4;
const READ = 0.5;

/** How far a file is, from 0 to 1. It rises only, but when a worker has to begin again. */
export function progressOf({ stage, sent, indexed }: UploadItem): number {
  switch (stage) {
    case 'checking':
    case 'waiting':
      return 0;
    case 'sending':
      return sent.total === 0 ? 0 : SENT * Math.min(sent.done / sent.total, 1);
    case 'queued':
      return SENT;
    case 'reading':
      return SENT + 0.02;
    case 'indexing':
      return indexed.total === 0 ? READ : READ + (0.99 - READ) * Math.min(indexed.done / indexed.total, 1);
    case 'ready':
    case 'duplicate':
    case 'failed':
    case 'cancelled':
      return 1;
  }
}

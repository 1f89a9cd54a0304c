import { AdaptiveLimit } from '@sluice/shared/embedding/adaptive-limit';
import { DocumentError, type DocumentErrorCode, UnavailableError } from '@sluice/shared/errors';
import type { DocumentType } from '@sluice/shared/contracts/knowledge';
import {
  type ChildResult,
  type ExtractionChild,
  type ExtractionLimits,
  startChild,
} from './child-process.ts';
import type { ExtractedDocument } from './document.ts';
import { explainFailure } from './failures.ts';
import type { ExtractionReply } from './protocol.ts';
import { extractionCrashes } from '../metrics.ts';

/** Limits of one extraction, and how many run at a time. */
export interface ExtractorOptions extends ExtractionLimits {
  /** Children that may work at the same time. */
  concurrency: number;
  /** Hears about every extraction that came to an end of its own or by a limit, for metrics and logs. */
  onSettled?: (report: ExtractionReport) => void;
}

/** What one extraction did and cost. */
export interface ExtractionReport {
  type: DocumentType;
  outcome: 'done' | DocumentErrorCode | 'internal';
  /** Process of the last attempt. */
  pid: number | undefined;
  /** Processes that were tried: 2 after an unexplained death. */
  attempts: number;
  /** Milliseconds of work inside the child; absent when it did not live to tell. */
  elapsedMs?: number;
  /** Highest resident memory of the child so far, in bytes; absent likewise. */
  peakRss?: number;
  /** What the parser or the system said, for the log and not for the client. */
  detail?: string;
}

/** Extracts documents in child processes. */
export interface Extractor extends AsyncDisposable {
  /**
   * Extracts the local file at `path`.
   *
   * @throws DocumentError when the document is at fault or needs more than the limits allow (`resource_limit`).
   * @throws UnavailableError `extractor_closed` after disposal, the signal's reason on abort, and other errors
   * (unreadable file, no process to be had) that a later attempt may be spared.
   */
  extract(path: string, type: DocumentType, options?: { signal?: AbortSignal }): Promise<ExtractedDocument>;
}

/** A child is replaced after this many documents, so that a leak in a parser stays small. */
const MAX_TASKS = 200;

/** A child without work is ended after this time. */
const IDLE_MS = 30_000;

/**
 * A pool of child processes that are started when needed and used again: the first document of a child costs
 * 150-300 ms, a small one after that 3-20 (docs/decisions/0003-extraction-child.md).
 */
export function createExtractor(options: ExtractorOptions): Extractor {
  // Nothing grows or cuts it: these are so many places, in the order of asking.
  const places = new AdaptiveLimit(options.concurrency);
  const idle = new Map<ExtractionChild, NodeJS.Timeout>();
  const live = new Set<ExtractionChild>();
  const closedError = new UnavailableError(503, 'extractor_closed', 'The ingest worker is shutting down.');
  const closing = new AbortController();

  function start(): ExtractionChild {
    // Disposal may have come while the caller waited, and nobody would end this child.
    closing.signal.throwIfAborted();
    const child = startChild(options);
    live.add(child);
    void child.exited.then(() => {
      live.delete(child);
      clearTimeout(idle.get(child));
      idle.delete(child);
    });
    return child;
  }

  function takeIdle(): ExtractionChild | undefined {
    const child = [...idle.keys()].at(-1);
    if (!child) return undefined;
    clearTimeout(idle.get(child));
    idle.delete(child);
    return child;
  }

  function giveBack(child: ExtractionChild, reply: ExtractionReply): void {
    const isWorn = child.tasks >= MAX_TASKS || reply.rss > (options.rssMb / 2) * 1024 * 1024;
    if (closing.signal.aborted || isWorn) void child.kill('closed');
    else idle.set(child, setTimeout(() => void child.kill('closed'), IDLE_MS).unref());
  }

  async function runOnce(
    child: ExtractionChild,
    path: string,
    type: DocumentType,
    signal?: AbortSignal,
  ): Promise<ChildResult> {
    const result = await child.run(path, type, signal);
    if (result.kind === 'reply') giveBack(child, result);
    else countCrash(result);
    return result;
  }

  async function extract(path: string, type: DocumentType, signal?: AbortSignal): Promise<ExtractedDocument> {
    const place = await places.acquire(AbortSignal.any([closing.signal, ...(signal ? [signal] : [])]));
    try {
      let child = takeIdle() ?? start();
      let result = await runOnce(child, path, type, signal);
      const attempts = needsFreshChild(result, child) ? 2 : 1;
      if (attempts === 2) {
        child = start();
        result = await runOnce(child, path, type, signal);
      }
      return settle(result, { type, pid: child.pid, attempts }, signal);
    } finally {
      place.release();
    }
  }

  function settle(
    result: ChildResult,
    facts: Pick<ExtractionReport, 'type' | 'pid' | 'attempts'>,
    signal?: AbortSignal,
  ): ExtractedDocument {
    if (result.kind === 'killed' && result.reason === 'abort') throw signal?.reason;
    if (result.kind === 'killed' && result.reason === 'closed') throw closedError;
    const costs = result.kind === 'reply' ? { elapsedMs: result.elapsedMs, peakRss: result.peakRss } : {};
    const ending = result.kind === 'reply' ? result.outcome : result;
    if (ending.kind === 'done') {
      options.onSettled?.({ ...facts, ...costs, outcome: 'done' });
      return ending.document;
    }
    const error = explainFailure(ending, options);
    const outcome = error instanceof DocumentError ? error.code : 'internal';
    const detail = error.cause instanceof Error ? error.cause.message : error.message;
    options.onSettled?.({ ...facts, ...costs, outcome, detail });
    throw error;
  }

  return {
    extract: (path, type, { signal } = {}) => extract(path, type, signal),
    async [Symbol.asyncDispose]() {
      closing.abort(closedError);
      await Promise.all([...live].map((child) => child.kill('closed')));
    },
  };
}

/** Ends that were asked for are none. */
function countCrash(result: Exclude<ChildResult, ExtractionReply>): void {
  const reason = result.kind === 'killed' ? result.reason : result.cause;
  if (reason !== 'abort' && reason !== 'closed') extractionCrashes.inc({ reason });
}

/**
 * A death that nothing explains may come from outside (an operator, the OOM killer), and memory may be what earlier
 * documents left behind, so the document gets one chance in a child of its own before it is blamed.
 */
function needsFreshChild(result: ChildResult, child: ExtractionChild): boolean {
  if (result.kind === 'reply') return false;
  const isMemory = result.kind === 'killed' ? result.reason === 'rss' : result.cause === 'heap';
  if (isMemory) return child.tasks > 1;
  return result.kind === 'died';
}

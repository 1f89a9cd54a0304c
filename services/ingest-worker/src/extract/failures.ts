import { DocumentError } from '@sluice/shared/errors';
import type { ChildResult, ExtractionLimits } from './child-process.ts';
import type { ExtractionOutcome } from './protocol.ts';

/** Every ending of an extraction but success. */
export type Failure = Exclude<ExtractionOutcome, { kind: 'done' }> | Exclude<ChildResult, { kind: 'reply' }>;

/**
 * The error that a failed extraction is reported with: a DocumentError where the document is at fault, a plain Error
 * where a later attempt may succeed.
 */
export function explainFailure(failure: Failure, limits: ExtractionLimits): Error {
  switch (failure.kind) {
    case 'refused':
      return new DocumentError(failure.code, failure.message, {
        cause: failure.cause === undefined ? undefined : new Error(failure.cause),
      });
    case 'internal':
      return new Error(failure.message);
    case 'killed':
      return failure.reason === 'timeout' ? tookTooLong(limits) : needsTooMuchMemory(limits);
    case 'died':
      return explainDeath(failure.cause, new Error(`The extraction process died: ${failure.detail}`), limits);
  }
}

function explainDeath(
  kind: Extract<Failure, { kind: 'died' }>['cause'],
  cause: Error,
  limits: ExtractionLimits,
): Error {
  switch (kind) {
    case 'start':
      return cause;
    case 'heap':
      return needsTooMuchMemory(limits, cause);
    case 'killed':
      return new DocumentError(
        'resource_limit',
        'The system stopped the reading of this document twice, most likely for lack of memory. Split it into smaller parts and upload those.',
        { cause },
      );
    case 'crash':
      return new DocumentError(
        'corrupt',
        'The document makes its reader crash. Open it in its own program, save it again, and upload the new file.',
        { cause },
      );
  }
}

function tookTooLong({ timeoutMs }: ExtractionLimits): DocumentError {
  return new DocumentError(
    'resource_limit',
    `Reading the document took longer than ${timeoutMs / 1000} seconds and was stopped. Split it into smaller parts and upload those.`,
  );
}

function needsTooMuchMemory({ rssMb }: ExtractionLimits, cause?: Error): DocumentError {
  return new DocumentError(
    'resource_limit',
    `Reading the document needs more memory than the ${rssMb} MB allowed. Split it into smaller parts and upload those.`,
    { cause },
  );
}

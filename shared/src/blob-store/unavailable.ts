import { UnavailableError } from '../errors.ts';

/** What the errors of the drivers carry, flydrive's as the cause of its own. */
interface DriverError {
  code?: string;
  name?: string;
  cause?: DriverError;
  $metadata?: { httpStatusCode?: number };
}

/** Runs a call of a driver; throws `UnavailableError` where it failed for another reason than a missing blob. */
export async function guardBlobs<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isMissing(error as DriverError)) throw error;
    throw new UnavailableError(503, 'blob_store_unavailable', 'The storage of files is not available.', {
      cause: error,
      retryAfter: 5,
    });
  }
}

function isMissing(error: DriverError): boolean {
  if (error.code === 'ENOENT' || error.name === 'NoSuchKey' || error.name === 'NotFound') return true;
  return error.cause !== undefined && isMissing(error.cause);
}

import { Backoff } from './backoff.ts';
import { connect } from './connection.ts';
import type { HttpRequest, Settings } from './connection.ts';
import { SluiceApiError, isTransient } from './errors.ts';

/**
 * Sends a request that may safely be repeated, and repeats it while that promises anything.
 *
 * @returns the body as text
 * @throws {SluiceApiError} when the server refuses it
 * @throws {SluiceConnectionError} when the server cannot be reached
 */
export async function requestText(settings: Settings, request: HttpRequest): Promise<string> {
  const backoff = new Backoff(settings.retry);
  for (;;) {
    try {
      const connection = await connect(settings, request);
      try {
        return await connection.text();
      } finally {
        connection.close();
      }
    } catch (error) {
      if (!isTransient(error)) throw error;
      await backoff.wait(error, request.signal);
    }
  }
}

/** Like {@link requestText}, with the `data` of the JSON envelope as the result. */
export async function requestData<T>(settings: Settings, request: HttpRequest): Promise<T> {
  const text = await requestText(settings, request);
  try {
    return (JSON.parse(text) as { data: T }).data;
  } catch (cause) {
    throw unexpectedResponse(`${request.path} did not answer with JSON; is the base URL right?`, cause);
  }
}

/** A POST with a JSON body. */
export function postJson(path: string, body: unknown, signal?: AbortSignal): HttpRequest {
  return sendJson('POST', path, body, signal);
}

/** A request with a JSON body. */
export function sendJson(
  method: 'POST' | 'PUT' | 'PATCH',
  path: string,
  body: unknown,
  signal?: AbortSignal,
): HttpRequest {
  return {
    method,
    path,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal,
  };
}

/** A request for the events after a cursor. */
export function eventsRequest(path: string, cursor: string | undefined): HttpRequest {
  return {
    path,
    headers: {
      accept: 'text/event-stream',
      ...(cursor !== undefined && { 'last-event-id': cursor }),
    },
  };
}

/** What came is not what Sluice sends. */
export function unexpectedResponse(message: string, cause?: unknown): SluiceApiError {
  return new SluiceApiError({ code: 'unexpected_response', message, cause });
}

import { createClient } from '@sluice/client';
import { noteReached, noteUnreached } from './connection.ts';
import { askForKey, currentKey } from './session.ts';

/** What sends a request: `fetch`, or what does the same and tells more. */
type Send = (url: string, init: RequestInit) => Promise<Response>;

/**
 * `fetch` with the user's API key. A 401 asks for the key and sends the request again, so that no caller has to know
 * about keys; when the user gives none, the caller gets the 401. For what the client has no method for.
 */
export async function apiFetch(
  url: string,
  init: RequestInit = {},
  send: Send = (address, request) => fetch(address, request),
): Promise<Response> {
  for (;;) {
    const key = currentKey();
    const headers = new Headers(init.headers);
    if (key !== undefined) headers.set('authorization', `Bearer ${key}`);
    const response = await send(url, { ...init, headers }).catch((error: unknown) => {
      if (!init.signal?.aborted) noteUnreached();
      throw error;
    });
    noteReached();
    if (response.status !== 401 || !(await askForKey(key))) return response;
  }
}

/** The client of the server that the page came from. Everything that calls the API goes through it. */
export const sluice = createClient({ baseUrl: '', fetch: (url, init) => apiFetch(url, init) });

/** Told how far the body of a request is sent, in bytes of the whole request. */
export type OnSent = (sent: number, total: number) => void;

/**
 * A `fetch` that says how far an upload is, which the browser's own does not: the same answers, over `XMLHttpRequest`. For
 * requests whose response is short; it is read as a whole.
 *
 * @throws {TypeError} when the server cannot be reached
 * @throws the signal's reason, when it aborts
 */
export function fetchWithProgress(url: string, init: RequestInit, onSent: OnSent): Promise<Response> {
  const { method = 'GET', headers, body, signal } = init;
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const onAbort = () => request.abort();
    request.open(method, url);
    request.responseType = 'arraybuffer';
    new Headers(headers).forEach((value, name) => request.setRequestHeader(name, value));
    request.upload.addEventListener('progress', ({ loaded, total }) => onSent(loaded, total));
    request.addEventListener('load', () => resolve(toResponse(request)));
    request.addEventListener('error', () => reject(new TypeError('The request failed.')));
    request.addEventListener('abort', () => reject(signal?.reason));
    request.addEventListener('loadend', () => signal?.removeEventListener('abort', onAbort));
    if (signal?.aborted) return reject(signal.reason);
    signal?.addEventListener('abort', onAbort);
    request.send(body as XMLHttpRequestBodyInit | null | undefined);
  });
}

function toResponse(request: XMLHttpRequest): Response {
  const headers = new Headers();
  for (const line of request.getAllResponseHeaders().trim().split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.append(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
  }
  const { status, statusText } = request;
  // A Response of these must not have a body, not even an empty one.
  const hasNoBody = status === 204 || status === 205 || status === 304;
  const body = hasNoBody ? null : (request.response as ArrayBuffer);
  return new Response(body, { status, statusText, headers });
}

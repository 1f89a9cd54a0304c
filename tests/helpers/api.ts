import assert from 'node:assert/strict';
import { createParser } from 'eventsource-parser';
import type { EventSourceMessage } from 'eventsource-parser';

/** Sends JSON and returns the response. */
export function postJson(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

/** The `data` of a successful envelope. */
export async function dataOf<T>(response: Response): Promise<T> {
  const body = (await response.json()) as { code: number; data: T; message: string };
  assert.equal(body.message, 'success', JSON.stringify(body));
  assert.equal(body.code, response.status);
  return body.data;
}

/** The error envelope of a refused request; checks what every one must have. */
export async function errorOf(
  response: Response,
): Promise<{ code: string; message: string; details?: unknown; retryAfter: string | null }> {
  const text = await response.text();
  const body = JSON.parse(text) as {
    code: number;
    data: null;
    message: string;
    error: { code: string; request_id: string; details?: unknown };
  };
  assert.equal(body.code, response.status);
  assert.equal(body.data, null);
  assert.match(body.error.code, /^[a-z_]+$/);
  assert.equal(body.error.request_id, response.headers.get('x-request-id'));
  assert.match(body.message, /^[A-Z].*\.$|^[A-Z].* .*/s);
  assert.doesNotMatch(text, /\bat .+\.(ts|js|mjs):\d+|node:internal|node_modules/, 'no stack trace');
  return {
    code: body.error.code,
    message: body.message,
    details: body.error.details,
    retryAfter: response.headers.get('retry-after'),
  };
}

/** Reads Server-Sent Events by the standard, as they come. */
export async function* readEvents(response: Response): AsyncGenerator<EventSourceMessage, void, void> {
  assert.ok(response.body);
  const events: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => events.push(event) });
  const decoder = new TextDecoder();
  for await (const bytes of response.body) {
    parser.feed(decoder.decode(bytes as Uint8Array, { stream: true }));
    yield* events.splice(0);
  }
}

/** All events of a response. */
export async function collectEvents(response: Response): Promise<EventSourceMessage[]> {
  const events: EventSourceMessage[] = [];
  for await (const event of readEvents(response)) events.push(event);
  return events;
}

/** The answer in a list of events: the `content` of its unnamed ones. */
export function contentOf(events: EventSourceMessage[]): string {
  return events
    .filter((event) => event.event === undefined && event.data !== '[DONE]')
    .map((event) => (JSON.parse(event.data) as { content: string }).content)
    .join('');
}

/** Uploads one file and waits until it is indexed. */
export async function uploadAndWait(
  url: string,
  filename: string,
  bytes: string | Uint8Array<ArrayBuffer>,
): Promise<Response> {
  const form = new FormData();
  form.append('file', new File([bytes], filename));
  return fetch(`${url}/api/knowledge/upload`, { method: 'POST', body: form, headers: { prefer: 'wait=60' } });
}

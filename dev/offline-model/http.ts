import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { z } from 'zod';
import { ApiError } from './errors.ts';

const MAX_BODY_BYTES = 32 * 1024 * 1024;

/** Sends a whole answer. */
export function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/**
 * Reads a JSON body and checks it.
 *
 * @throws {ApiError} 413 beyond 32 MiB; 400 for bad JSON or a field that is missing or wrong
 */
export async function readJson<S extends z.ZodType>(
  request: IncomingMessage,
  schema: S,
): Promise<z.output<S>> {
  const value = parseJson(await readBody(request));
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw refuse(value, parsed.error.issues[0]);
}

function refuse(value: unknown, issue: z.core.$ZodIssue | undefined): ApiError {
  if (!issue || issue.path.length === 0) return new ApiError(400, 'The body must be a JSON object.');
  const param = issue.path.reduce<string>(joinPath, '');
  if (readPath(value, issue.path) === undefined) {
    return new ApiError(400, `Missing required parameter: '${param}'.`, {
      param,
      code: 'missing_required_parameter',
    });
  }
  const code = issue.code === 'invalid_type' ? 'invalid_type' : 'invalid_value';
  return new ApiError(400, `Invalid '${param}': ${issue.message}.`, { param, code });
}

function readPath(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (inner as Record<PropertyKey, unknown> | undefined)?.[key],
    value,
  );
}

function joinPath(path: string, key: PropertyKey): string {
  if (typeof key === 'number') return `${path}[${key}]`;
  return path === '' ? String(key) : `${path}.${String(key)}`;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  // Destroying the request would end the connection before it can carry the refusal.
  const iterator: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false });
  for await (const part of iterator) {
    length += part.length;
    if (length > MAX_BODY_BYTES) throw new ApiError(413, `The body has more than ${MAX_BODY_BYTES} bytes.`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new ApiError(400, 'We could not parse the JSON body of your request.');
  }
}

/** Starts a stream of server-sent events. */
export function startEvents(response: ServerResponse): void {
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
  });
}

/** Writes one event; waits while the reader is slow. Rejects with an `AbortError` when `signal` fires meanwhile. */
export async function writeEvent(response: ServerResponse, data: string, signal: AbortSignal): Promise<void> {
  if (!response.write(`data: ${data}\n\n`)) await once(response, 'drain', { signal });
}

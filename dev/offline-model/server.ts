/**
 * An OpenAI-compatible server for development, without network, weights or keys. It is a stand-in and no language
 * model: chat quotes sentences of the sources in the prompt, and embeddings are hashed words.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { handleChat } from './chat.ts';
import { handleEmbeddings } from './embeddings.ts';
import { ApiError, describeError } from './errors.ts';
import { sendJson } from './http.ts';
import { describeModel, listModels } from './models.ts';

/** How an offline model runs. */
export interface OfflineModelOptions {
  host: string;
  /** 0 for any free port. */
  port: number;
  /** Milliseconds between two tokens of an answer; 0 is as fast as possible. */
  tokenDelayMs: number;
  /** Length of an embedding whose request does not say. */
  dimensions: number;
}

/** A running offline model. */
export interface OfflineModel {
  /** Base URL for a client, ending in `/v1`. */
  url: string;
  /** All requests so far, those now being answered, and those that their client gave up before the end. */
  requests: Readonly<{ total: number; open: number; aborted: number }>;
  /** Ends the server and every request at once. */
  close(): Promise<void>;
}

/** Starts a server; rejects when the address is taken. */
export async function startOfflineModel(options: OfflineModelOptions): Promise<OfflineModel> {
  const requests = { total: 0, open: 0, aborted: 0 };
  const server = createServer((request, response) => void answer(request, response, options, requests));
  server.listen(options.port, options.host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  let closed: Promise<unknown> | undefined;
  return {
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}/v1`,
    requests,
    close: async () => {
      closed ??= once(server.close(), 'close');
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: OfflineModelOptions,
  requests: { total: number; open: number; aborted: number },
): Promise<void> {
  const gone = new AbortController();
  requests.total++;
  requests.open++;
  response.once('close', () => {
    requests.open--;
    if (!response.writableFinished) requests.aborted++;
    gone.abort();
  });
  response.setHeader('x-request-id', `req_${randomUUID().replaceAll('-', '')}`);
  try {
    await route(request, response, options, gone.signal);
  } catch (error) {
    if (gone.signal.aborted || request.errored) return;
    if (!(error instanceof ApiError)) console.error(error);
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const { status, body } = describeError(error);
    sendJson(response, status, body);
  }
}

async function route(
  request: IncomingMessage,
  response: ServerResponse,
  { dimensions, tokenDelayMs }: OfflineModelOptions,
  signal: AbortSignal,
): Promise<void> {
  const [pathname = '/'] = (request.url ?? '/').split('?', 1);
  const model = /^\/v1\/models\/([^/]+)$/.exec(pathname)?.[1];
  if (pathname === '/v1/chat/completions') {
    assertMethod(request, response, 'POST');
    return handleChat(request, response, { tokenDelayMs, signal });
  }
  if (pathname === '/v1/embeddings') {
    assertMethod(request, response, 'POST');
    return handleEmbeddings(request, response, dimensions);
  }
  if (model === undefined && pathname !== '/v1/models' && pathname !== '/healthz') {
    throw new ApiError(404, `Unknown request URL: ${request.method} ${pathname}.`, { code: 'unknown_url' });
  }
  assertMethod(request, response, 'GET');
  if (pathname === '/healthz') return sendJson(response, 200, { status: 'ok' });
  return sendJson(response, 200, model === undefined ? listModels() : describeModel(model));
}

function assertMethod(request: IncomingMessage, response: ServerResponse, method: string): void {
  if (request.method === method) return;
  response.setHeader('allow', method);
  throw new ApiError(405, `Not allowed to ${request.method} on ${request.url}.`, {
    code: 'method_not_allowed',
  });
}

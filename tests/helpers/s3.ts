import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** The part of S3 that the blob store uses, in memory. It is no proof that a real S3 takes what this takes. */
export interface TestS3 extends AsyncDisposable {
  url: string;
  bucket: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** Key -> object. */
  objects: Map<string, StoredObject>;
  /** `METHOD path?query` of every request so far. */
  requests: string[];
  /** So many requests from now on are answered with this status. */
  fail(count: number, status: number): void;
}

interface StoredObject {
  body: Buffer;
  modifiedAt: Date;
}

interface Call {
  method: string;
  key: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

const BUCKET = 'sluice-test';
/** Small, so that listings have pages; S3's own is 1,000. */
const PAGE = 5;

/** Starts a server on a free port. */
export async function startS3(): Promise<TestS3> {
  const objects: TestS3['objects'] = new Map();
  const requests: string[] = [];
  const failure = { left: 0, status: 503 };
  const server = createServer((request, response) => {
    void readBody(request).then((body) => {
      requests.push(`${request.method} ${request.url}`);
      if (failure.left > 0) {
        failure.left -= 1;
        return sendError(response, failure.status, 'SlowDown');
      }
      serve(objects, request, response, body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    bucket: BUCKET,
    accessKeyId: 'test-key',
    secretAccessKey: 'test-secret',
    objects,
    requests,
    fail: (count, status) => Object.assign(failure, { left: count, status }),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await delay(0);
    },
  };
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

function serve(
  objects: TestS3['objects'],
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
): void {
  const url = new URL(request.url ?? '/', 'http://s3');
  const [, bucket, ...rest] = url.pathname.split('/').map(decodeURIComponent);
  const { headers, method = 'GET' } = request;
  // The signature itself is not recomputed: whether the SDK signs right is the SDK's own test.
  const signed =
    /^AWS4-HMAC-SHA256 Credential=test-key\/\d{8}\/[\w-]+\/s3\/aws4_request, .*Signature=[0-9a-f]{64}$/;
  if (!signed.test(headers.authorization ?? '')) return sendError(response, 403, 'SignatureDoesNotMatch');
  if (headers['content-length'] !== undefined && Number(headers['content-length']) !== body.length)
    return sendError(response, 400, 'IncompleteBody');
  if (headers['content-encoding']?.includes('aws-chunked')) return sendError(response, 501, 'NotImplemented');
  if (bucket !== BUCKET) return sendError(response, 404, 'NoSuchBucket');
  const call: Call = { method, key: rest.join('/'), query: url.searchParams, headers, body };
  if (call.key === '') return serveBucket(objects, call, response);
  serveObject(objects, call, response);
}

function serveBucket(
  objects: TestS3['objects'],
  { method, query, body }: Call,
  response: ServerResponse,
): void {
  if (method === 'GET' && query.get('list-type') === '2') return listObjects(objects, query, response);
  if (method === 'POST' && query.has('delete')) {
    for (const [, key = ''] of body.toString().matchAll(/<Key>([^<]*)<\/Key>/g)) objects.delete(key);
    return sendXml(response, '<DeleteResult></DeleteResult>');
  }
  sendError(response, 405, 'MethodNotAllowed');
}

function listObjects(objects: TestS3['objects'], query: URLSearchParams, response: ServerResponse): void {
  const after = query.get('continuation-token') ?? '';
  const keys = [...objects.keys()]
    .filter((key) => key.startsWith(query.get('prefix') ?? '') && key > after)
    .toSorted();
  const page = keys.slice(0, Math.min(PAGE, Number(query.get('max-keys') ?? PAGE)));
  const isTruncated = keys.length > page.length;
  const contents = page.map((key) => {
    const { body, modifiedAt } = objects.get(key) as StoredObject;
    return `<Contents><Key>${key}</Key><LastModified>${modifiedAt.toISOString()}</LastModified><ETag>"e"</ETag><Size>${body.length}</Size></Contents>`;
  });
  const next = isTruncated ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : '';
  sendXml(
    response,
    `<ListBucketResult><IsTruncated>${isTruncated}</IsTruncated>${next}${contents.join('')}</ListBucketResult>`,
  );
}

function serveObject(objects: TestS3['objects'], call: Call, response: ServerResponse): void {
  const { method, key, headers, body } = call;
  const source = headers['x-amz-copy-source'];
  if (method === 'PUT' && typeof source === 'string') {
    const original = objects.get(decodeURIComponent(source).replace(`/${BUCKET}/`, ''));
    if (!original) return sendError(response, 404, 'NoSuchKey');
    objects.set(key, { body: original.body, modifiedAt: new Date() });
    return sendXml(response, '<CopyObjectResult><ETag>"e"</ETag></CopyObjectResult>');
  }
  if (method === 'PUT') {
    objects.set(key, { body, modifiedAt: new Date() });
    response.writeHead(200, { etag: '"e"' }).end();
    return;
  }
  if (method === 'DELETE') {
    objects.delete(key);
    response.writeHead(204).end();
    return;
  }
  const found = objects.get(key);
  if (!found) return sendError(response, 404, 'NoSuchKey');
  response.writeHead(200, {
    'content-length': found.body.length,
    'last-modified': found.modifiedAt.toUTCString(),
    etag: '"e"',
  });
  response.end(method === 'HEAD' ? undefined : found.body);
}

function sendXml(response: ServerResponse, xml: string): void {
  response.writeHead(200, { 'content-type': 'application/xml' });
  response.end(`<?xml version="1.0" encoding="UTF-8"?>${xml}`);
}

function sendError(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' });
  response.end(
    `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`,
  );
}

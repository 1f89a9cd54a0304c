import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeTraces } from './otlp.ts';
import type { ExportedSpan } from './otlp.ts';

/** A collector of traces: OTLP over HTTP, as protobuf. */
export interface Collector extends AsyncDisposable {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  url: string;
  /** All that has come so far. */
  spans: ExportedSpan[];
  /** Headers of each request so far. */
  requests: IncomingHttpHeaders[];
}

/** @param options.silent takes requests and never answers */
export async function startCollector(options: { silent?: boolean } = {}): Promise<Collector> {
  const spans: ExportedSpan[] = [];
  const requests: IncomingHttpHeaders[] = [];
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    requests.push(request.headers);
    if (options.silent) return;
    const isTraces =
      request.url === '/v1/traces' && request.headers['content-type'] === 'application/x-protobuf';
    if (isTraces) spans.push(...decodeTraces(body));
    response.writeHead(isTraces ? 200 : 404, { 'content-type': 'application/x-protobuf' }).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/**
 * A trace as an indented tree, in the order of the spans' beginnings (to the millisecond, then that of their ends), each
 * with its service. A span whose parent has not
 * been exported stands at the left edge, as the first of the trace does.
 */
export function drawTrace(spans: readonly ExportedSpan[], traceId: string): string {
  const trace = spans
    .filter((span) => span.traceId === traceId)
    .sort((a, b) => a.start - b.start || a.end - b.end);
  const ids = new Set(trace.map((span) => span.spanId));
  const draw = (children: ExportedSpan[], indent: string): string[] =>
    children.flatMap((span) => [
      `${indent}${span.name} (${span.service.replace('sluice-', '')})`,
      ...draw(
        trace.filter((other) => other.parentId === span.spanId),
        `${indent}  `,
      ),
    ]);
  return draw(
    trace.filter((span) => !ids.has(span.parentId)),
    '',
  ).join('\n');
}

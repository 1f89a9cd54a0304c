import type { TestService } from './process.ts';

/** A `traceparent` as a client has it, of a trace that nobody else uses. */
export function beginTrace(flags = '01') {
  const random = (bytes: number) =>
    Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('hex');
  const [traceId, spanId] = [random(16), random(8)];
  return { traceId, spanId, headers: { traceparent: `00-${traceId}-${spanId}-${flags}` } };
}

/** The log lines of a service, parsed. */
export function linesOf(service: TestService): Record<string, unknown>[] {
  return service
    .logs()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

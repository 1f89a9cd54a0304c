import type { Request, RequestHandler, Response } from 'express';
import type { SluiceError } from '@sluice/shared/errors';
import { currentTrace, noteFailure, startSpan, withSpan } from '@sluice/shared/tracing/spans';

/** The trace of a request; undefined when nothing is traced. */
export function traceIdOf(response: Response): string | undefined {
  return response.locals['traceId'] as string | undefined;
}

/**
 * A span for each request, from its head to the last byte of its answer, which for a stream is the last frame. It goes on
 * with the trace of a client that sends a `traceparent`. Names and attributes are those of the HTTP semantic conventions
 * 1.41; queries and bodies are not told.
 */
export function traceRequests(): RequestHandler {
  return (request, response, next) => {
    const { method } = request;
    const host = URL.parse(`http://${request.get('host') ?? ''}`);
    const span = startSpan(method, {
      kind: 'server',
      headers: request.headers,
      attributes: {
        'http.request.method': method,
        'url.path': request.originalUrl.split('?', 1)[0],
        'url.scheme': request.protocol,
        'server.address': host?.hostname,
        'server.port': host?.port ? Number(host.port) : undefined,
        'client.address': request.ip,
        'user_agent.original': request.get('user-agent'),
        'network.protocol.version': request.httpVersion,
      },
    });
    response.once('close', () => {
      const route = routeOf(request);
      if (route !== undefined) span.updateName(`${method} ${route}`).setAttribute('http.route', route);
      span.setAttribute('http.response.status_code', response.statusCode);
      if (!response.writableFinished) span.setAttribute('sluice.disconnected', true);
      const failure = response.locals['failure'] as SluiceError | undefined;
      if (failure && failure.status >= 500) noteFailure(failure, span);
      span.end();
    });
    withSpan(span, () => {
      response.locals['traceId'] = currentTrace()?.trace_id;
      next();
    });
  };
}

/**
 * The route that a request has met, with the path that its router is mounted at. Express tells only the part within the
 * router once an error has left it; the part before is as long as what the path has more.
 */
function routeOf(request: Request): string | undefined {
  const route = request.route as { path: string } | undefined;
  if (route === undefined) return undefined;
  const within = partsOf(route.path);
  const whole = partsOf(request.originalUrl.split('?', 1)[0] ?? '');
  return `/${[...whole.slice(0, whole.length - within.length), ...within].join('/')}`;
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '');
}

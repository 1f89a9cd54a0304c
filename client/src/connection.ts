import { SluiceConnectionError, toApiError } from './errors.ts';
import type { RetryOptions } from './backoff.ts';

/** What every request of a client shares. */
export interface Settings {
  /** Without a slash at its end. */
  baseUrl: string;
  headers: Record<string, string>;
  fetch: (url: string, init: RequestInit) => Promise<Response>;
  idleTimeoutMs: number;
  retry: Required<RetryOptions>;
}

/** One request. */
export interface HttpRequest {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  headers?: Record<string, string>;
  body?: string | FormData;
  signal?: AbortSignal | undefined;
}

/** A response whose body is still to be read. */
export interface Connection {
  readonly response: Response;
  /** The next bytes; undefined at the end. */
  read(): Promise<Uint8Array | undefined>;
  /** All of the body as text. */
  text(): Promise<string>;
  /** Closes it, wherever it is. */
  close(): void;
}

/**
 * Sends a request and waits for the head of its response. A connection that is silent for `idleTimeoutMs` while
 * something is awaited from it counts as broken; only the response to a form is waited for without end, because
 * fetch does not tell how far an upload is.
 *
 * @throws {SluiceApiError} when the status is 400 or more
 * @throws {SluiceConnectionError} when the server cannot be reached, breaks off or is silent; so do the methods of the
 *   connection
 * @throws the signal's reason, when it aborts; so do the methods of the connection
 */
export async function connect(settings: Settings, request: HttpRequest): Promise<Connection> {
  const { idleTimeoutMs } = settings;
  const { method = 'GET', path, headers, body, signal } = request;
  signal?.throwIfAborted();
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  const close = () => {
    signal?.removeEventListener('abort', onAbort);
    controller.abort();
  };
  const guard = async <T>(work: Promise<T>, timeoutMs: number): Promise<T> => {
    const fallSilent = () =>
      controller.abort(new SluiceConnectionError(`The server was silent for ${timeoutMs} ms.`));
    const timer = timeoutMs === Infinity ? undefined : setTimeout(fallSilent, timeoutMs);
    try {
      return await work;
    } catch (cause) {
      throw controller.signal.aborted
        ? controller.signal.reason
        : new SluiceConnectionError('The server cannot be reached, or the connection to it broke.', {
            cause,
          });
    } finally {
      clearTimeout(timer);
    }
  };

  try {
    const sent = settings.fetch(settings.baseUrl + path, {
      method,
      headers: { ...settings.headers, ...headers },
      signal: controller.signal,
      ...(body !== undefined && { body }),
    });
    const response = await guard(sent, body instanceof FormData ? Infinity : idleTimeoutMs);
    if (!response.ok) throw toApiError(response, await guard(response.text(), idleTimeoutMs));
    let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
    return {
      response,
      async read() {
        reader ??= response.body?.getReader();
        const chunk = reader && (await guard(reader.read(), idleTimeoutMs));
        return chunk?.value;
      },
      text: () => guard(response.text(), idleTimeoutMs),
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

import { QdrantClient } from '@qdrant/js-client-rest';

/** How long Qdrant may take over one request, in milliseconds. */
const REQUEST_TIMEOUT = 30_000;

/** Qdrant's own port, which all its clients assume where the URL names none. */
const DEFAULT_PORT = 6333;

/**
 * Creates a client for a URL that may have a path (Qdrant behind a proxy). The path goes into `prefix`, because the
 * library drops it from `url`; the port is read from the text, because `URL` drops `:80` and `:443`.
 *
 * @throws TypeError when `url` is none
 */
export function createQdrantClient(url: string, apiKey?: string): QdrantClient {
  const { protocol, hostname, pathname } = new URL(url);
  const [, port = DEFAULT_PORT] = /^\w+:\/\/[^/?#]*:(\d+)(?:[/?#]|$)/.exec(url) ?? [];
  return new QdrantClient({
    host: hostname,
    port: Number(port),
    https: protocol === 'https:',
    prefix: pathname.replace(/\/+$/, ''),
    timeout: REQUEST_TIMEOUT,
    // As a header, since the library's `apiKey` prints a warning for every http URL; `checkCompatibility` prints too.
    ...(apiKey && { headers: { 'api-key': apiKey } }),
    checkCompatibility: false,
  });
}

/** A host and port of a URL. */
export interface RedisAddress {
  host: string;
  port: number;
}

/** Who a connection is, when Redis asks. */
export interface RedisLogin {
  username?: string;
  password?: string;
}

/** What `REDIS_URL` names. `tls` holds for every connection of it, to sentinels too. */
export type RedisTarget =
  | { kind: 'single'; url: string }
  | { kind: 'cluster'; nodes: RedisAddress[]; login: RedisLogin; tls: boolean }
  | {
      kind: 'sentinel';
      sentinels: RedisAddress[];
      masterName: string;
      db: number;
      login: RedisLogin;
      sentinelLogin: RedisLogin;
      tls: boolean;
    };

/** A `REDIS_URL` that names nothing. Its message never holds any of the URL: there may be a password in it. */
export class RedisUrlError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'RedisUrlError';
  }
}

const FORMS =
  'must be redis://host:6379, redis+cluster://host1:7000,host2:7001 or redis+sentinel://host1:26379,host2:26379/master-name, each also with rediss for TLS';

// scheme, kind, user and password, addresses, path, query
const SHAPE =
  /^(rediss?)(?:\+(cluster|sentinel))?:\/\/(?:([^/?#]*)@)?([^/?#@]+)(?:\/([^?#]*))?(?:\?([^#]*))?$/i;
const ADDRESS = /^(?:\[([\da-f:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/i;
const DEFAULT_PORTS = { cluster: 6379, sentinel: 26_379 };

/**
 * Reads a `REDIS_URL`: one server as ioredis takes it, a Redis Cluster as some of its nodes, or a master as its sentinels
 * know it, in the form that the Redis clients of the Python world share
 * (`redis+sentinel://[user:pass@]host[:port],…/master[/db][?sentinel_username=…&sentinel_password=…]`).
 *
 * @throws {RedisUrlError}
 */
export function parseRedisUrl(url: string): RedisTarget {
  const [, scheme = '', kind = '', userInfo, addresses = '', path = '', query = ''] = SHAPE.exec(url) ?? [];
  const tls = scheme.toLowerCase() === 'rediss';
  switch (kind.toLowerCase()) {
    case 'cluster':
      if (path !== '' && path !== '0')
        throw new RedisUrlError('must not name a database: a Redis Cluster has only 0');
      return {
        kind: 'cluster',
        nodes: parseAddresses(addresses, 'cluster'),
        login: parseLogin(userInfo),
        tls,
      };
    case 'sentinel':
      return {
        kind: 'sentinel',
        sentinels: parseAddresses(addresses, 'sentinel'),
        ...parseMaster(path),
        login: parseLogin(userInfo),
        sentinelLogin: parseSentinelLogin(query),
        tls,
      };
    default:
      if (scheme === '' || !URL.canParse(url)) throw new RedisUrlError(FORMS);
      return { kind: 'single', url };
  }
}

function parseAddresses(list: string, kind: keyof typeof DEFAULT_PORTS): RedisAddress[] {
  return list.split(',').map((address) => {
    const [match, ipv6, host = ipv6 ?? '', port = DEFAULT_PORTS[kind]] = ADDRESS.exec(address) ?? [];
    if (match === undefined || Number(port) < 1 || Number(port) > 65_535)
      throw new RedisUrlError('must list its servers as host:port, separated by commas');
    return { host, port: Number(port) };
  });
}

function parseMaster(path: string): { masterName: string; db: number } {
  const [masterName = '', db = '0', ...rest] = path.split('/');
  if (masterName === '')
    throw new RedisUrlError(
      'must name the master that the sentinels watch: redis+sentinel://host1:26379,host2:26379/master-name',
    );
  if (!/^\d{1,5}$/.test(db) || rest.length > 0)
    throw new RedisUrlError('must end in /master-name or /master-name/database-number');
  return { masterName: decode(masterName), db: Number(db) };
}

function parseLogin(userInfo: string | undefined): RedisLogin {
  if (userInfo === undefined) return {};
  const colon = userInfo.indexOf(':');
  const username = decode(colon === -1 ? userInfo : userInfo.slice(0, colon));
  const password = decode(colon === -1 ? '' : userInfo.slice(colon + 1));
  return { ...(username !== '' && { username }), ...(password !== '' && { password }) };
}

function parseSentinelLogin(query: string): RedisLogin {
  const parameters = new URLSearchParams(query);
  const username = parameters.get('sentinel_username');
  const password = parameters.get('sentinel_password');
  return { ...(username !== null && { username }), ...(password !== null && { password }) };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new RedisUrlError('must have a % in a name or password written as %25');
  }
}

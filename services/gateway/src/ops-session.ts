import { createHmac, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import type { ApiKey } from './api-keys.ts';

/** Limited to `/ops`: `/api` takes keys alone, so that no page elsewhere can have a browser call it. */
export const SESSION_COOKIE = 'sluice_ops';
export const SESSION_PATH = '/ops';
const SESSION_MS = 8 * 3_600_000;

const derive = promisify(scrypt) as (password: string, salt: string, length: number) => Promise<Buffer>;

/** Sessions of browsers, which cannot send a key with a link. They are kept nowhere: any gateway with the same keys knows them. */
export interface OpsSessions {
  /** The value of a cookie that stands for a key, and when it expires. */
  open(key: ApiKey, now?: number): Promise<{ cookie: string; expiresAt: Date }>;
  /** The key that a cookie stands for; undefined when it is forged, has expired, or its key is one no longer. */
  find(cookie: string, now?: number): Promise<ApiKey | undefined>;
}

/**
 * A cookie is `<expiry in seconds>.<HMAC of it>`, made with what scrypt derives from the key: whoever gets hold of a cookie
 * cannot try keys on it at the speed of a hash.
 */
export function createOpsSessions(keys: readonly ApiKey[]): OpsSessions {
  const secrets = new Map<ApiKey, Promise<Buffer>>();
  const secretOf = (key: ApiKey) => {
    const secret = secrets.get(key) ?? derive(key.key, 'sluice ops session', 32);
    secrets.set(key, secret);
    return secret;
  };
  const sign = async (key: ApiKey, expiry: string) =>
    createHmac('sha256', await secretOf(key))
      .update(expiry)
      .digest();

  return {
    async open(key, now = Date.now()) {
      const expiry = Math.floor((now + SESSION_MS) / 1_000);
      const signature = await sign(key, String(expiry));
      return {
        cookie: `${expiry}.${signature.toString('base64url')}`,
        expiresAt: new Date(expiry * 1_000),
      };
    },
    async find(cookie, now = Date.now()) {
      const [, expiry, signature] = /^(\d{1,12})\.([\w-]{43})$/.exec(cookie) ?? [];
      if (expiry === undefined || signature === undefined || Number(expiry) * 1_000 <= now) return undefined;
      const given = Buffer.from(signature, 'base64url');
      for (const key of keys) if (timingSafeEqual(await sign(key, expiry), given)) return key;
      return undefined;
    },
  };
}

/** The session's cookie in a `Cookie` header. */
export function readSessionCookie(header: string | undefined): string | undefined {
  for (const pair of (header ?? '').split(';')) {
    const [name, value] = pair.trim().split('=', 2);
    if (name === SESSION_COOKIE) return value;
  }
  return undefined;
}

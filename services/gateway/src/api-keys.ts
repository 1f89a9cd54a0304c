import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { SCOPES, scopeSchema } from '@sluice/shared/contracts/ops';
import type { Scope } from '@sluice/shared/contracts/ops';

/** A key, and everything that it may do. */
export interface ApiKey {
  key: string;
  scopes: ReadonlySet<Scope>;
}

export const ALL_SCOPES: ReadonlySet<Scope> = new Set(SCOPES);

/** What can be sent in a header, and named in a list that commas separate. */
const KEY = /^[\x21-\x2b\x2d-\x7e]{8,}$/;

/**
 * Reads `SLUICE_SCOPED_KEYS`: `<key>=<scope>+<scope>`, separated by commas. Its messages name entries by their number, since
 * any part of one may be a key, or a piece of it.
 */
export const scopedKeysSchema = z.string().transform((list, context): ApiKey[] => {
  const keys: ApiKey[] = [];
  const report = (index: number, problem: string) =>
    context.addIssue({ code: 'custom', message: `entry ${index + 1} ${problem}` });
  for (const [index, entry] of list.split(',').entries()) {
    // A key may end in `=`, as Base64 does.
    const at = entry.lastIndexOf('=');
    const key = entry.slice(0, at).trim();
    const names = entry.slice(at + 1).split('+');
    const scopes = z.array(scopeSchema).safeParse(names.map((name) => name.trim()));
    if (at === -1) report(index, 'must be <key>=<scope>, or <key>=<scope>+<scope>');
    else if (!KEY.test(key))
      report(index, 'must have a key of at least 8 characters, without spaces or letters beyond ASCII');
    else if (!scopes.success) report(index, `must have scopes of ${SCOPES.join(', ')}, joined by +`);
    else if (keys.some((one) => one.key === key)) report(index, 'has a key that an entry before it has');
    else keys.push({ key, scopes: scopes.data.includes('admin') ? ALL_SCOPES : new Set(scopes.data) });
  }
  return keys;
});

/** All keys of a configuration; none lets everybody do everything. */
export function listKeys(config: {
  SLUICE_API_KEY?: string | undefined;
  SLUICE_SCOPED_KEYS?: readonly ApiKey[] | undefined;
}): ApiKey[] {
  const { SLUICE_API_KEY: key, SLUICE_SCOPED_KEYS: scoped = [] } = config;
  return [...(key === undefined ? [] : [{ key, scopes: ALL_SCOPES }]), ...scoped];
}

const digest = (value: string) => createHash('sha256').update(value).digest();

/** Finds a key among those that are known. Digests make the comparison's time say nothing. */
export function createKeyFinder(keys: readonly ApiKey[]): (given: string) => ApiKey | undefined {
  const known = keys.map((key) => ({ key, digest: digest(key.key) }));
  return (given) => {
    const sought = digest(given);
    return known.find((one) => timingSafeEqual(one.digest, sought))?.key;
  };
}

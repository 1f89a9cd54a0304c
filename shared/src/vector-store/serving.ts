import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../logger.ts';
import type { VectorSpace } from './names.ts';
import type { VectorStore } from './port.ts';
import { isSameSpace } from './spaces.ts';
import type { SpaceRegistry } from './spaces.ts';

/** How often a process looks whether another index serves. */
export const LOOK_MS = 2_000;
/** How long what was begun on the index before may take. */
export const RELEASE_MS = 60_000;

/** How long a start waits for Redis to say which index serves. */
const PATIENCE_MS = 3_000;

/** What the serving store needs. */
export interface ServingStoreOptions {
  spaces: SpaceRegistry;
  /** What this process is configured for; serves until the registry can be read, and where nothing does yet. */
  configured: VectorSpace;
  open: (space: VectorSpace) => Promise<VectorStore>;
  logger: Logger;
}

/**
 * The store that the registry of spaces says, whichever that is: it moves on by itself, within two seconds, when another
 * index has been built. A view of a tenant stays with the index that it was taken from.
 */
export async function openServingStore(options: ServingStoreOptions): Promise<VectorStore> {
  const { spaces, configured, open, logger } = options;
  const opened = new Set<VectorStore>();
  const openSpace = async (space: VectorSpace) => {
    const store = await open(space);
    opened.add(store);
    return store;
  };
  const first = await Promise.race([spaces.read(configured), delay(PATIENCE_MS)]).catch(() => undefined);
  let current = await openSpace(first?.serving ?? configured);
  let isClosed = false;
  let isLooking = false;

  const release = async (store: VectorStore) => {
    if (opened.delete(store)) await store[Symbol.asyncDispose]();
  };
  const moveOn = async () => {
    const { serving } = await spaces.read(configured);
    if (isClosed || isSameSpace(serving, current.space)) return;
    const next = await openSpace(serving);
    if (isClosed) return release(next);
    const before = current;
    current = next;
    logger.info({ from: before.space, to: serving }, 'searches use another index now');
    setTimeout(() => void release(before), RELEASE_MS).unref();
  };
  /** While Redis is away a look takes as long: nobody waits for it, and there is one at a time. */
  const look = async () => {
    if (isLooking) return;
    isLooking = true;
    await moveOn().catch((error: unknown) =>
      logger.debug({ err: error }, 'could not look which index serves'),
    );
    isLooking = false;
  };
  const timer = setInterval(() => void look(), LOOK_MS).unref();

  return {
    get space() {
      return current.space;
    },
    forTenant: (tenant) => current.forTenant(tenant),
    ping: () => current.ping(),
    async [Symbol.asyncDispose]() {
      isClosed = true;
      clearInterval(timer);
      await Promise.all([...opened].map(release));
    },
  };
}

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { blobKeys, openBlobStore } from '@sluice/shared/blob-store';
import type { BlobStore } from '@sluice/shared/blob-store';
import { openDocuments } from '@sluice/shared/documents';
import type { DocumentRegistry, Upload } from '@sluice/shared/documents';
import { createLogger } from '@sluice/shared/logger';
import { closeRedis, connectRedis } from '@sluice/shared/redis/connection';
import type { RedisClient } from '@sluice/shared/redis/connection';
import type { GatewayDeps } from '../../services/gateway/src/context.ts';
import { keepHouse } from '../../services/gateway/src/housekeeping.ts';
import { collectOrphanBlobs } from '../../services/gateway/src/orphan-blobs.ts';
import { openVectorStore } from '@sluice/shared/vector-store/open';
import { startRedis } from '../helpers/redis.ts';
import type { TestRedis } from '../helpers/redis.ts';

const TENANT = 'default';
const HOUR_MS = 3_600_000;
const logger = createLogger({ service: 'test', level: 'silent' });

describe('orphaned files', () => {
  let folder: string;
  let redis: TestRedis;
  let commands: RedisClient;
  let documents: DocumentRegistry;
  let blobs: BlobStore;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-orphans-'));
    redis = await startRedis();
    commands = connectRedis({ url: redis.url, role: 'worker', service: 'test', logger });
    documents = openDocuments(commands);
    blobs = await openBlobStore({ DATA_DIR: folder });
  });
  after(async () => {
    await closeRedis(commands);
    await redis.stop();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    await commands.flushall();
    await rm(folder, { recursive: true, force: true });
  });

  it('are deleted when their document is not registered, and only then', async () => {
    const known = await register('known');
    await keep(known, 2 * HOUR_MS);
    const orphan = idOf(1);
    await keep(orphan, 2 * HOUR_MS);
    assert.equal(await collectOrphanBlobs({ blobs, documents }), 1);
    assert.equal(isKept(known), true);
    assert.equal(isKept(orphan), false);
    assert.equal(await collectOrphanBlobs({ blobs, documents }), 0);
  });

  it('are versions too that are neither the newest nor searchable', async () => {
    const id = await register('versioned');
    await keep(id, 2 * HOUR_MS);
    const first = await documents.get(TENANT, id);
    for (let version = 2; version <= 3; version += 1) {
      const previous = await documents.get(TENANT, id);
      assert.equal(await documents.register(documents.nextVersion(previous), previous), true);
    }
    await documents.update(TENANT, id, { version: 3, attempt: 1 }, { indexed_version: 3 });
    assert.equal(first.version, 1);
    assert.equal(await collectOrphanBlobs({ blobs, documents }), 1);
    assert.equal(isKept(id), false);
  });

  it('are left alone while any of them is younger than an hour', async () => {
    await register('known');
    const orphan = idOf(2);
    await keep(orphan, 2 * HOUR_MS);
    await put(blobKeys.text(TENANT, orphan, 1), HOUR_MS / 2);
    assert.equal(await collectOrphanBlobs({ blobs, documents }), 0);
    assert.equal(isKept(orphan), true);
  });

  it('are those of documents alone', async () => {
    await register('known');
    const others = ['default/reports/v1/original', 'other.txt', `default/${idOf(3)}/notes.txt`];
    for (const key of others) await put(key, 48 * HOUR_MS);
    assert.equal(await collectOrphanBlobs({ blobs, documents }), 0);
    for (const key of others) assert.equal(existsSync(pathOf(key)), true, key);
  });

  it('are left alone where the registry holds nothing: it may have been lost', async () => {
    const orphan = idOf(4);
    await keep(orphan, 48 * HOUR_MS);
    assert.equal(await collectOrphanBlobs({ blobs, documents }), 0);
    assert.equal(isKept(orphan), true);
  });

  it('include what a deletion that broke off has left', async () => {
    await register('known');
    const deleted = await register('deleted');
    await keep(deleted, 2 * HOUR_MS);
    await documents.retire(await documents.get(TENANT, deleted));
    assert.equal(await collectOrphanBlobs({ blobs, documents }), 1);
    assert.equal(isKept(deleted), false);
  });

  it('are collected by one gateway an hour, uploads that were given up by each for itself', async () => {
    await register('known');
    const uploadDir = join(folder, 'uploads');
    await using store = await openVectorStore({ dataDir: folder, model: 'm', dimensions: 4 });
    // Only what housekeeping uses.
    const deps = {
      commands,
      blobs,
      documents,
      store,
      logger,
      settings: { uploadDir },
    } as unknown as GatewayDeps;
    await keep(idOf(5), 2 * HOUR_MS);
    await keepHouse(deps);
    assert.equal(isKept(idOf(5)), false);

    await keep(idOf(6), 2 * HOUR_MS);
    await writeAged(join(uploadDir, 'given-up'), 26 * HOUR_MS);
    await writeAged(join(uploadDir, 'under-way'), 2 * HOUR_MS);
    await keepHouse(deps);
    assert.equal(isKept(idOf(6)), true);
    assert.equal(existsSync(join(uploadDir, 'given-up')), false);
    assert.equal(existsSync(join(uploadDir, 'under-way')), true);
  });

  async function register(name: string): Promise<string> {
    const upload: Upload = {
      tenant: TENANT,
      filename: `${name}.md`,
      collection: 'default',
      replace: 'none',
      metadata: {},
      type: 'markdown',
      bytes: 1,
      hash: name.padEnd(64, '0'),
    };
    const { document } = await documents.plan(upload);
    assert.equal(await documents.register(document), true);
    return document.id;
  }

  async function keep(id: string, ageMs: number): Promise<void> {
    await put(blobKeys.original(TENANT, id, 1), ageMs);
    await put(blobKeys.text(TENANT, id, 1), ageMs);
  }

  async function put(key: string, ageMs: number): Promise<void> {
    await writeAged(pathOf(key), ageMs);
  }

  function isKept(id: string): boolean {
    return existsSync(pathOf(blobKeys.original(TENANT, id, 1)));
  }

  function pathOf(key: string): string {
    return join(folder, 'blobs', key);
  }
});

function idOf(n: number): string {
  return `doc_00000000-0000-7000-8000-00000000000${n}`;
}

async function writeAged(path: string, ageMs: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, 'x');
  const at = new Date(Date.now() - ageMs);
  await utimes(path, at, at);
}

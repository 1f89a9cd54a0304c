import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ExponentialBackoff, handleWhen, retry } from 'cockatiel';
import { S3Driver } from 'flydrive/drivers/s3';
import type { BlobStore, StoredBlob } from '../blob-store.ts';
import { guardBlobs } from './unavailable.ts';

/** Which bucket, and how to reach it. */
export interface S3Options {
  bucket: string;
  /** AWS itself unless given. */
  endpoint?: string | undefined;
  region: string;
  /** `http://host/bucket/key` in place of `http://bucket.host/key`. */
  forcePathStyle: boolean;
  /** Those of the machine's role or the SDK's own environment variables unless given. */
  credentials?: { accessKeyId: string; secretAccessKey: string };
}

const TRIES = 3;
/** The SDK would write to the console what the caller logs with its context. */
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

/** Opens the store in an S3-compatible bucket, which must exist; no connection is made before the first call. */
export function openS3Store({ bucket, endpoint, region, forcePathStyle, credentials }: S3Options): BlobStore {
  // The driver, not flydrive's Disk: that takes the `/` off a prefix, and `…/v1` would then mean `…/v10/` too.
  const driver = new S3Driver({
    bucket,
    region,
    forcePathStyle,
    visibility: 'private',
    // Access lists are off in new AWS buckets, and unknown to R2 and others.
    supportsACL: false,
    maxAttempts: TRIES,
    // The checksums that the SDK adds of itself come as trailers that not every compatible store takes.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    logger: SILENT,
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials && { credentials }),
  });
  return {
    putFile: (key, localPath) =>
      guardBlobs(async () => {
        await uploadPolicy.execute(() => upload(driver, key, localPath));
        await rm(localPath, { force: true });
      }),
    copy: (from, to) => guardBlobs(() => driver.copy(from, to)),
    putText: (key, text) =>
      guardBlobs(() => driver.put(key, text, { contentType: 'text/plain; charset=utf-8' })),
    getText: (key) => guardBlobs(() => driver.get(key)),
    async withLocalFile(key, use) {
      const folder = await mkdtemp(join(tmpdir(), 'sluice-blob-'));
      const path = join(folder, 'blob');
      try {
        await guardBlobs(async () => pipeline(await driver.getStream(key), createWriteStream(path)));
        return await use(path);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
    deleteAll: (prefix) => guardBlobs(() => driver.deleteAll(prefix)),
    list: (prefix = '/') => listObjects(driver, prefix),
  };
}

/** The SDK tries a request again, but not one whose body is a stream. */
const uploadPolicy = retry(
  handleWhen(
    (error) => (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode !== 403,
  ),
  { maxAttempts: TRIES - 1, backoff: new ExponentialBackoff({ initialDelay: 100 }) },
);

async function upload(driver: S3Driver, key: string, localPath: string): Promise<void> {
  const { size } = await stat(localPath);
  await driver.putStream(key, createReadStream(localPath), { contentLength: size });
}

async function* listObjects(driver: S3Driver, prefix: string): AsyncGenerator<StoredBlob, void, void> {
  let paginationToken: string | undefined;
  do {
    const token = paginationToken;
    const page = await guardBlobs(() =>
      driver.listAll(prefix, { recursive: true, ...(token !== undefined && { paginationToken: token }) }),
    );
    for (const object of page.objects) {
      if (object.isFile) yield { key: object.key, modifiedAt: (await object.getMetaData()).lastModified };
    }
    ({ paginationToken } = page);
  } while (paginationToken !== undefined);
}

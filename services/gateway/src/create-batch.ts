import { v7 as uuidv7 } from 'uuid';
import type { StoredBatch } from '@sluice/shared/batches/batches';
import { BATCH_PREFIX, batchCaller } from '@sluice/shared/batches/origin';
import type { CreateBatch } from '@sluice/shared/contracts/batches';
import { currentTraceparent } from '@sluice/shared/tracing/spans';
import { takeKnown } from './batch-files.ts';
import type { GatewayDeps } from './context.ts';
import { feedBatch } from './feed-batches.ts';
import { claimKey } from './idempotency.ts';
import type { Uploader } from './uploads.ts';

/** Entries of a manifest that are taken at the same time. */
const TAKEN_AT_ONCE = 8;

/** Who creates a batch. */
export interface BatchCreator extends Uploader {
  idempotencyKey: string | undefined;
}

/** A batch that was created, now or by an earlier request with the same key. */
export interface CreatedBatch {
  stored: StoredBatch;
  /** Whether everything that was asked for is done: then there is nothing left to do. */
  isComplete: boolean;
  /** Notes that it is. */
  complete: () => Promise<void>;
}

/**
 * Creates a batch. With an idempotency key it may be repeated: the batch stays one.
 *
 * @throws {RequestError} 404 `unknown_collection`; 422 `idempotency_key_reused`
 */
export async function createBatch(
  deps: GatewayDeps,
  { tenant, requestId, address, idempotencyKey }: BatchCreator,
  settings: Pick<CreateBatch, 'name' | 'collection' | 'replace' | 'metadata' | 'manifest'>,
): Promise<CreatedBatch> {
  const newId = `${BATCH_PREFIX}${uuidv7()}`;
  const claim =
    idempotencyKey === undefined
      ? undefined
      : await claimKey(deps, tenant, idempotencyKey, { batch: settings }, newId);
  const id = claim?.id ?? newId;
  const { name, collection, replace, metadata } = settings;
  const traceparent = currentTraceparent();
  await deps.collections.get(tenant, collection);
  await deps.batches.create(tenant, {
    id,
    ...(name !== undefined && { name }),
    collection,
    replace,
    metadata,
    created_at: new Date().toISOString(),
    caller: batchCaller(address),
    request_id: requestId,
    ...(traceparent !== undefined && { traceparent }),
    retention_ms: deps.settings.batchRetentionMs,
  });
  return {
    stored: await deps.batches.get({ tenant, id }),
    isComplete: claim?.isSubmitted ?? false,
    complete: async () => claim?.markSubmitted(),
  };
}

/** Takes all files of a manifest into a batch. */
export async function takeManifest(
  deps: GatewayDeps,
  stored: StoredBatch,
  manifest: NonNullable<CreateBatch['manifest']>,
): Promise<void> {
  const left = manifest.values();
  const takeNext = async () => {
    for (const entry of left) {
      await takeKnown(deps, stored, entry);
      await feedBatch(deps, stored);
    }
  };
  await Promise.all(Array.from({ length: TAKEN_AT_ONCE }, takeNext));
}

import { Router } from 'express';
import type { Request, Response } from 'express';
import type { StoredBatch } from '@sluice/shared/batches/batches';
import {
  BATCH_ITEM_STATUSES,
  batchFieldsSchema,
  createBatchSchema,
  listBatchesSchema,
  listBatchItemsSchema,
} from '@sluice/shared/contracts/batches';
import type { BatchItem } from '@sluice/shared/contracts/batches';
import { takeFile } from '../batch-files.ts';
import type { GatewayDeps } from '../context.ts';
import { createBatch, takeManifest } from '../create-batch.ts';
import type { CreatedBatch } from '../create-batch.ts';
import { envelope } from '../envelope.ts';
import { feedBatch, retryFailed } from '../feed-batches.ts';
import { streamSignal } from '../follow.ts';
import { tenantOf } from '../middleware/request-context.ts';
import { receiveBatch } from '../receive-batch.ts';
import { followBatch } from '../renderers/batch.ts';
import { sendEvents } from '../sse.ts';
import { dropRest, withdrawQueued } from '../tend-batches.ts';
import { checkId, parseInput } from '../validate.ts';
import { uploaderOf } from './upload.ts';

/** Most items in the answer to a request that adds files. */
const MAX_ANSWERED = 1_000;

/** `/api/knowledge/batches`: many files as one. */
export function batchRoutes(deps: GatewayDeps): Router {
  const router = Router();
  router.param('id', checkId('batch_'));
  const { batches, settings } = deps;
  const addressOf = (request: Request<{ id: string }>, response: Response) => ({
    tenant: tenantOf(response),
    id: request.params.id,
  });
  const creatorOf = (request: Request, response: Response) => ({
    ...uploaderOf(request, response),
    idempotencyKey: request.get('idempotency-key'),
  });
  const answer = async (response: Response, { address }: Pick<StoredBatch, 'address'>, status = 200) => {
    const { batch } = await batches.get(address);
    response.status(status).json(envelope(batch, status));
  };
  /** Takes the files of the request into the batch that is chosen when the first one is there. */
  const takeFiles = async <T extends Pick<CreatedBatch, 'stored'>>(
    request: Request,
    response: Response,
    choose: (fields: Record<string, string>) => Promise<T>,
  ): Promise<{ items: BatchItem[]; chosen: T | undefined }> => {
    const items: BatchItem[] = [];
    const chosen: { batch?: Promise<T> } = {};
    await receiveBatch(request, response, settings.form, async (file, fields) => {
      chosen.batch ??= choose(fields);
      const { stored } = await chosen.batch;
      for await (const item of takeFile(deps, stored, file)) {
        if (items.length < MAX_ANSWERED) items.push(item);
        await feedBatch(deps, stored);
      }
    });
    return { items, chosen: await chosen.batch };
  };

  const createFromForm = async (request: Request, response: Response) => {
    const { items, chosen } = await takeFiles(request, response, async (fields) => {
      const created = await createBatch(
        deps,
        creatorOf(request, response),
        parseInput(batchFieldsSchema, fields),
      );
      // What came is kept where a later file ends the request: this says where.
      response.location(`${request.baseUrl}/${created.stored.address.id}`);
      return created;
    });
    if (!chosen) throw new TypeError('a form without files is refused before');
    await close(deps, chosen.stored);
    await chosen.complete();
    const { batch } = await batches.get(chosen.stored.address);
    response.status(201).json(envelope({ batch, items }, 201));
  };

  router.post('/', async (request, response) => {
    if (request.is('multipart/form-data')) return createFromForm(request, response);
    const { open, ...given } = parseInput(createBatchSchema, request.body);
    const { manifest } = given;
    const { stored, isComplete, complete } = await createBatch(deps, creatorOf(request, response), given);
    if (!isComplete) {
      if (manifest) await takeManifest(deps, stored, manifest);
      if (!(open ?? manifest === undefined)) await close(deps, stored);
      await complete();
    }
    return answer(response, stored, 201);
  });

  router.get('/', async (request, response) => {
    response.json(
      envelope(await batches.list(tenantOf(response), parseInput(listBatchesSchema, request.query))),
    );
  });

  router.get('/:id', async (request, response) => {
    await answer(response, { address: addressOf(request, response) });
  });

  router.get('/:id/items', async (request, response) => {
    const { limit, cursor, status } = parseInput(listBatchItemsSchema, request.query);
    const address = addressOf(request, response);
    await batches.get(address);
    const statuses = status === undefined ? BATCH_ITEM_STATUSES : [status];
    response.json(envelope(await batches.items(address, { statuses, limit, cursor })));
  });

  router.get('/:id/events', async (request, response) => {
    const address = addressOf(request, response);
    await batches.get(address);
    await sendEvents(response, 'batch', followBatch(deps, address, streamSignal(deps, response)));
  });

  router.post('/:id/files', async (request, response) => {
    const stored = await batches.get(addressOf(request, response));
    const { items } = await takeFiles(request, response, async () => ({ stored }));
    const { batch } = await batches.get(stored.address);
    response.json(envelope({ batch, items }));
  });

  router.post('/:id/close', async (request, response) => {
    const stored = await batches.get(addressOf(request, response));
    await close(deps, stored);
    await answer(response, stored);
  });

  router.post('/:id/pause', async (request, response) => {
    const stored = await batches.get(addressOf(request, response));
    await batches.setFlag(stored.address, 'paused', true);
    await withdrawQueued(deps, stored);
    await answer(response, stored);
  });

  router.post('/:id/resume', async (request, response) => {
    const stored = await batches.get(addressOf(request, response));
    await batches.setFlag(stored.address, 'paused', false);
    await feedBatch(deps, stored);
    await answer(response, stored);
  });

  router.post('/:id/cancel', async (request, response) => {
    const stored = await batches.get(addressOf(request, response));
    await batches.setFlag(stored.address, 'cancelled', true);
    await dropRest(deps, stored);
    await answer(response, stored);
  });

  router.post('/:id/retry', async (request, response) => {
    const stored = await batches.get(addressOf(request, response));
    await retryFailed(deps, stored);
    await feedBatch(deps, stored);
    await answer(response, stored);
  });

  return router;
}

/** Closing what is closed already changes nothing. */
async function close({ batches }: GatewayDeps, { address }: StoredBatch): Promise<void> {
  const { batch } = await batches.get(address);
  if (batch.open) await batches.setFlag(address, 'closed', true);
}

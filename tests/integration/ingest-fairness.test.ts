import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openAdmission } from '@sluice/shared/admission/admission';
import { ingestJobId } from '@sluice/shared/contracts/jobs';
import { createLogger } from '@sluice/shared/logger';
import { openQueue, startWorker } from '@sluice/shared/queues';
import { closeRedis, connectRedis } from '@sluice/shared/redis/connection';
import { waitFor } from '../helpers/poll.ts';
import { startRedis } from '../helpers/redis.ts';

const BACKLOG = 2_000;
const logger = createLogger({ service: 'test', level: 'silent' });

describe('fair ingestion', () => {
  it(`ingests a tenant's one document at once, whatever another tenant has queued`, async () => {
    await using server = await startRedis();
    await using stack = new AsyncDisposableStack();
    const redis = stack.adopt(
      connectRedis({ url: server.url, role: 'worker', service: 'test', logger }),
      closeRedis,
    );
    const admission = openAdmission('ingest', redis, 1);
    const queue = stack.use(openQueue('ingest', { redis, shards: 1, logger }));
    const limits = { queue: 200_000, tenant: 200_000 };
    const enqueue = async (tenant: string, number: number) => {
      const document = { id: `doc_${tenant}_${number}`, version: 1 };
      const id = ingestJobId(document);
      const { turn } = await admission.admit({ tenant, caller: 'key', id }, limits);
      const job = { tenant, id, document_id: document.id, version: 1, caller: 'key', request_id: 'r' };
      await queue.add(
        {
          ...job,
          retention_ms: 1_000,
          filename: 'a.txt',
          collection: 'default',
          labels: [],
          type: 'text',
          blob_key: 'b',
        },
        turn,
      );
    };
    await Promise.all(Array.from({ length: BACKLOG }, (_, n) => enqueue('large', n)));

    const taken: string[] = [];
    stack.use(
      startWorker(
        'ingest',
        { redis, shards: 1, concurrency: 2, handOverAfterMs: 1_000, logger },
        {
          async run({ data }) {
            await admission.leave(data, 'taken');
            taken.push(data.tenant);
          },
          abandoned: () => Promise.resolve(false),
        },
      ),
    );
    await waitFor(() => taken.length >= 100, { what: 'the large backlog to be worked on' });
    const before = taken.length;
    await enqueue('small', 0);
    const at = await waitFor(() => taken.indexOf('small') + 1, { what: 'the small document' });
    assert.ok(at < BACKLOG / 2, `it was number ${at} of ${BACKLOG + 1}`);
    assert.ok(at - before < 300, `${at - before} documents were taken between its coming and its turn`);
  });
});

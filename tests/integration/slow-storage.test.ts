import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openAdmission } from '@sluice/shared/admission/admission';
import { ingestJobId } from '@sluice/shared/contracts/jobs';
import { openDocuments } from '@sluice/shared/documents';
import { admissionKeys } from '@sluice/shared/redis/keys';
import { Redis } from 'ioredis';
import { waitFor } from '../helpers/poll.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

const TENANT = 'default';
const LIMITS = { queue: 100, tenant: 100 };

describe('an upload whose bytes are being kept', () => {
  let stack: TestStack;
  let redis: Redis;
  before(async () => {
    stack = await startStack({ services: ['ingest-worker'] });
    redis = new Redis(stack.redis.url);
  });
  after(async () => {
    redis.disconnect();
    await stack[Symbol.asyncDispose]();
  });

  it('is given up after ten minutes, when its gateway must have died, or when it is deleted, and not before', async () => {
    const documents = openDocuments(redis);
    const admission = openAdmission('ingest', redis, 1);
    /** What `take` has done when it begins to keep the bytes. */
    const begin = async (hash: string, secondsAgo: number) => {
      const plan = await documents.plan({
        tenant: TENANT,
        filename: `${hash}.md`,
        collection: 'default',
        replace: 'none',
        metadata: {},
        type: 'markdown',
        bytes: 1,
        hash,
      });
      assert.equal(await documents.register(plan.document), true);
      const applicant = { tenant: TENANT, caller: '127.0.0.1', id: ingestJobId(plan.document) };
      await admission.admit(applicant, LIMITS);
      const member = `${applicant.tenant} ${applicant.id} ${applicant.caller}`;
      await redis.zadd(admissionKeys('ingest').open, Math.floor(Date.now() / 1_000) - secondsAgo, member);
      return {
        document: plan.document,
        status: async () => (await documents.get(TENANT, plan.document.id)).status,
        hasPlace: async () => (await redis.zscore(admissionKeys('ingest').waiting, member)) !== null,
      };
    };
    const slow = await begin('a', 60);
    const dead = await begin('b', 700);
    const unwanted = await begin('c', 60);
    assert.equal(await documents.retire(unwanted.document), true);
    await waitFor(async () => (await dead.status()) === 'failed' && !(await dead.hasPlace()), {
      what: 'the reaper to give up the one',
      timeoutMs: 40_000,
    });
    await waitFor(async () => !(await unwanted.hasPlace()), { what: 'the place of the deleted one' });
    assert.equal(await slow.status(), 'queued');
    assert.ok(await slow.hasPlace());
  });
});

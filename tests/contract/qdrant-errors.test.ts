import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { SluiceError, UnavailableError } from '@sluice/shared/errors';
import type { TenantVectors } from '@sluice/shared/vector-store/port';
import { openQdrantStore } from '@sluice/shared/vector-store/qdrant';
import { type FakeQdrant, startFakeQdrant } from './fake-qdrant.ts';
import { DIMENSIONS, makePoint } from './vector-store-fixtures.ts';

describe('an error of Qdrant', () => {
  let fake: FakeQdrant;
  let tenant: TenantVectors;
  beforeEach(async () => {
    fake = await startFakeQdrant();
    const store = await openQdrantStore({ url: fake.url, model: 'm', dimensions: DIMENSIONS });
    tenant = store.forTenant('acme');
  });
  afterEach(() => fake[Symbol.asyncDispose]());

  for (const status of [401, 403, 408, 429, 500, 503]) {
    it(`${status} means unavailable`, async () => {
      fake.answerWith(() => ({ status, error: 'the reason' }));
      const error = await catchError(tenant.count());
      assertUnavailable(error);
      assert.match(String((error.cause as Error).message), /the reason/);
      assert.doesNotMatch(error.message, /the reason/, 'Qdrant’s words are not for clients');
    });
  }

  it('429 hands on Retry-After', async () => {
    fake.answerWith(() => ({ status: 429, headers: { 'retry-after': '7' }, error: 'slow down' }));
    const error = await catchError(tenant.count());
    assertUnavailable(error);
    assert.equal(error.retryAfter, 7);
  });

  it('400 is a fault of ours, with Qdrant’s reason', async () => {
    fake.answerWith(() => ({ status: 400, error: 'Index required but not found' }));
    await assert.rejects(
      tenant.count(),
      (error) =>
        error instanceof Error && !(error instanceof SluiceError) && /Index required/.test(error.message),
    );
  });

  it('404 makes the next call create the collection anew', async () => {
    fake.answerWith(() => ({ status: 404, error: 'no collection' }));
    assertUnavailable(await catchError(tenant.count()));
    fake.requests.length = 0;
    fake.answerWith(() => undefined);
    assert.equal(await tenant.count(), 0);
    assert.match(fake.requests[0]!.path, /\/exists$/);
  });

  it('an unreachable Qdrant is no reason not to start', async () => {
    const gone = await startFakeQdrant();
    await gone[Symbol.asyncDispose]();
    const warnings: unknown[] = [];
    const away = await openQdrantStore({
      url: gone.url,
      model: 'm',
      dimensions: DIMENSIONS,
      logger: { warn: (...line: unknown[]) => warnings.push(line) },
    });
    assert.equal(warnings.length, 1);
    assertUnavailable(await catchError(away.ping()));
    assertUnavailable(await catchError(away.forTenant('acme').upsert([makePoint('doc', 0)])));
  });
});

async function catchError(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  assert.fail('nothing was thrown');
}

function assertUnavailable(error: unknown): asserts error is UnavailableError {
  assert.ok(error instanceof UnavailableError, String(error));
  assert.deepEqual([error.code, error.status], ['vector_store_unavailable', 503]);
  assert.ok(error.retryAfter && error.retryAfter > 0);
}

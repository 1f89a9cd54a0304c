import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openVectorStore } from '@sluice/shared/vector-store/open';
import { describeVectorStore } from './vector-store-contract.ts';
import { DIMENSIONS } from './vector-store-fixtures.ts';

const qdrantUrl = process.env['QDRANT_URL'];
const model = `contract-${randomUUID()}`;

let dataDir: string;
before(async () => void (dataDir = await mkdtemp(join(tmpdir(), 'sluice-vectors-'))));
after(() => rm(dataDir, { recursive: true, force: true }));

describeVectorStore('SQLite', () => openVectorStore({ dataDir, model, dimensions: DIMENSIONS }));

if (qdrantUrl) {
  const qdrantApiKey = process.env['QDRANT_API_KEY'];
  describeVectorStore('Qdrant', () =>
    openVectorStore({ qdrantUrl, qdrantApiKey, dataDir, model, dimensions: DIMENSIONS }),
  );
} else {
  describe('vector store: Qdrant', () => {
    it('passes the contract', { skip: 'set QDRANT_URL to run the contract against Qdrant' }, () =>
      assert.fail(),
    );
  });
}

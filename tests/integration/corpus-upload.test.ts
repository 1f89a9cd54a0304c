import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Document } from '@sluice/shared/contracts/knowledge';
import { dataOf, errorOf, uploadAndWait } from '../helpers/api.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

const CORPUS = join(import.meta.dirname, '../../../shared/corpus');
const isPresent = existsSync(join(CORPUS, 'index.json'));

interface Expectation {
  file: string;
  expect: {
    outcome: string;
    error?: string;
    pages?: number;
    must_contain?: string[];
    must_not_contain?: string[];
    http?: number;
  };
}
/** Line breaks of a page fall anywhere, and CJK has no spaces: both are left out of the comparison. */
const withoutSpaces = (text: string) => text.replace(/\s+/g, '');

describe(
  'the corpus, uploaded',
  { skip: isPresent ? false : 'SKIPPED: no ../shared/corpus beside the project' },
  () => {
    let stack: TestStack;
    before(async () => {
      stack = await startStack();
    });
    after(() => stack?.[Symbol.asyncDispose]());

    const index = isPresent
      ? (JSON.parse(readFileSync(join(CORPUS, 'index.json'), 'utf8')) as { files: Expectation[] }).files
      : [];
    for (const { file, expect } of index) {
      it(`${file}: ${expect.outcome}${expect.error === undefined ? '' : ` (${expect.error})`}`, async () => {
        const response = await uploadAndWait(stack.url, file, readFileSync(join(CORPUS, file)));
        if (expect.outcome === 'failed-or-partial' && response.status === 200) return response.body?.cancel();
        if (expect.outcome !== 'ready') {
          const { code, message } = await errorOf(response);
          assert.equal(code, expect.error, message);
          if (expect.http !== undefined) assert.equal(response.status, expect.http);
          assert.ok(response.status >= 400 && response.status < 500);
          return;
        }
        assert.equal(response.status, 200, stack.services.at(-1)?.logs().slice(-2_000));
        const { id } = await dataOf<{ id: string }>(response);
        const document = await dataOf<Document>(await fetch(`${stack.url}/api/knowledge/documents/${id}`));
        assert.equal(document.filename, file);
        if (expect.pages !== undefined) assert.equal(document.pages, expect.pages);
        const text = withoutSpaces(
          await (await fetch(`${stack.url}/api/knowledge/documents/${id}/text`)).text(),
        );
        for (const phrase of expect.must_contain ?? [])
          assert.ok(text.includes(withoutSpaces(phrase)), `it has "${phrase}"`);
        for (const phrase of expect.must_not_contain ?? [])
          assert.ok(!text.includes(withoutSpaces(phrase)), `it has no "${phrase}"`);
      });
    }
  },
);

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LocationQuery } from 'vue-router';
import { fromQuery, toDocumentQuery, toPassageQuery, withoutPassage } from './passage-link.ts';

describe('passage link', () => {
  it('is read as it was written', () => {
    const query = toPassageQuery({ document_id: 'doc_1', version: 2, start: 10, end: 25 }) as LocationQuery;
    assert.deepEqual(fromQuery(query), { documentId: 'doc_1', version: 2, start: 10, end: 25 });
    assert.deepEqual(fromQuery(toDocumentQuery('doc_1') as LocationQuery), { documentId: 'doc_1' });
    assert.deepEqual(withoutPassage({ view: 'search', ...query }), { view: 'search' });
  });

  it('makes the best of what somebody typed', () => {
    assert.equal(fromQuery({ span: '1-2' }), undefined);
    assert.equal(fromQuery({ document: ['a', 'b'] }), undefined);
    for (const span of ['', '5', '9-3', '4-4', 'a-b', '1-2-3', '99999999999-1', ['1-2']])
      assert.deepEqual(fromQuery({ document: 'doc_1', version: 'x', span }), { documentId: 'doc_1' });
  });
});

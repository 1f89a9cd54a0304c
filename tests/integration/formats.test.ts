import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Document } from '@sluice/shared/contracts/knowledge';
import { dataOf, postJson, uploadAndWait } from '../helpers/api.ts';
import { sheetRow, slideShape, writeEpub, writePptx, writeXlsx } from '../helpers/office.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';
import { encodeLegacy } from '../helpers/zip.ts';

interface Hit {
  text: string;
  page?: number;
  headings: string[];
  start: number;
  end: number;
}

interface Format {
  filename: string;
  content: Buffer | string;
  query: string;
  found: { text: RegExp; page?: number; headings: string[] };
}

const PEOPLE = Array.from({ length: 40 }, (_, i) => `员工${i},部门${i % 7},${3000 + i}`).join('\n');

const FORMATS: Format[] = [
  {
    filename: 'people.csv',
    content: encodeLegacy(`姓名,部门,工资\n${PEOPLE}`, 'gb18030'),
    query: '员工17 的工资',
    found: { text: /姓名: 员工17\n部门: 部门3\n工资: 3017/, headings: [] },
  },
  {
    filename: 'stock.xlsx',
    content: writeXlsx({ Stock: '', 'Spare parts': sheetRow('Part', 'Shelf') + sheetRow('Foghorn', 'B12') }),
    query: 'shelf of the foghorn',
    found: { text: /Part: Foghorn\nShelf: B12/, headings: ['Spare parts'] },
  },
  {
    filename: 'talk.pptx',
    content: writePptx([
      slideShape('title', 'Welcome') + slideShape('body', 'Good morning'),
      slideShape('title', 'Budget') + slideShape('body', 'The lamp costs 900'),
    ]),
    query: 'What does the lamp cost?',
    found: { text: /The lamp costs 900/, page: 2, headings: ['Budget'] },
  },
  {
    filename: 'novel.epub',
    content: writeEpub(['<h1>One</h1><p>It rained.</p>', '<h1>Two</h1><p>The keeper climbed the tower.</p>']),
    query: 'Who climbed the tower?',
    found: { text: /The keeper climbed the tower/, headings: ['Two'] },
  },
  {
    filename: 'page.html',
    content:
      '<title>Tides</title><nav>Home</nav><main><h2>Spring</h2><p>Spring tides follow the new moon.</p></main>',
    query: 'When are spring tides?',
    found: { text: /Spring tides follow the new moon/, headings: ['Tides', 'Spring'] },
  },
];

describe('documents of other formats', () => {
  let stack: TestStack;
  before(async () => {
    stack = await startStack({
      services: ['ingest-worker'],
      env: { CHUNK_SIZE: '200', CHUNK_OVERLAP: '20' },
    });
  });
  after(() => stack?.[Symbol.asyncDispose]());

  for (const { filename, content, query, found } of FORMATS) {
    it(`${filename} is found by its content, with its place`, async () => {
      const response = await uploadAndWait(stack.url, filename, Buffer.from(content as Buffer));
      const { id } = await dataOf<{ id: string }>(response);
      const hits = await postJson(`${stack.url}/api/knowledge/search`, { query, documents: [id], top_k: 1 });
      const [hit] = (await dataOf<{ results: Hit[] }>(hits)).results;
      assert.match(hit?.text ?? '', found.text);
      assert.deepEqual([hit?.page, hit?.headings], [found.page, found.headings]);
      const text = await (await fetch(`${stack.url}/api/knowledge/documents/${id}/text`)).text();
      assert.equal(text.slice(hit?.start, hit?.end), hit?.text);
    });
  }

  it('a collection may size its chunks in tokens', async () => {
    const chunking = { size: 50, overlap: 10, unit: 'tokens' };
    const headers = { 'content-type': 'application/json' };
    const put = { method: 'PUT', headers, body: JSON.stringify({ chunking }) };
    assert.equal((await fetch(`${stack.url}/api/knowledge/collections/small`, put)).status, 200);
    const form = new FormData();
    form.append('collection', 'small');
    form.append('file', new File(['数据库的索引是一种数据结构。'.repeat(100)], 'a.txt'));
    const upload = { method: 'POST', body: form, headers: { prefer: 'wait=60' } };
    const { id } = await dataOf<{ id: string }>(await fetch(`${stack.url}/api/knowledge/upload`, upload));
    const { chunks = 0 } = await dataOf<Document>(await fetch(`${stack.url}/api/knowledge/documents/${id}`));
    // A sentence takes 12 tokens, so four make a chunk; of 200 characters it would take fourteen.
    assert.equal(chunks, 25);
  });
});

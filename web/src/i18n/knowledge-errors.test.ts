import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { chat as enChat } from './en/chat.ts';
import { common as enCommon } from './en/common.ts';
import { knowledgeErrors as enErrors, knowledgeFaults as enFaults } from './en/knowledge-errors.ts';
import { ops as enOps } from './en/ops.ts';
import { common as zhCommon } from './zh/common.ts';
import { knowledgeErrors as zhErrors, knowledgeFaults as zhFaults } from './zh/knowledge-errors.ts';

const ROOT = join(import.meta.dirname, '../../..');
/** Where errors are made that an upload, a batch, a document or a search may end in. */
const SOURCES = ['shared/src', 'services/gateway/src', 'services/ingest-worker/src'];
/** Made there, but by what answers before any page is there. */
const ELSEWHERE = /^web_app_not_built$/;
const MADE =
  /new (?:RequestError|UnavailableError|SluiceError|DocumentError)\(\s*(?:[\w.]+,\s*)?'([a-z_]+)'/g;
const NOTED = /(?:code: |fail\(\d+, |giveUp\(\w+, )'([a-z]+(?:_[a-z]+)*)'/g;

/** Where `explainCode` looks. */
const GROUPS: object[] = [enErrors, enCommon.error.code, errorsOf(enChat), errorsOf(enOps)];

function errorsOf(page: object): object {
  return (page as { error?: object }).error ?? {};
}

async function readCodes(): Promise<Map<string, string>> {
  const codes = new Map<string, string>();
  for (const source of SOURCES) {
    const names = await readdir(join(ROOT, source), { recursive: true });
    for (const name of names.filter((one) => one.endsWith('.ts') && !one.endsWith('.test.ts'))) {
      const text = await readFile(join(ROOT, source, name), 'utf8');
      for (const pattern of [MADE, NOTED])
        for (const [, code = ''] of text.matchAll(pattern)) codes.set(code, join(source, name));
    }
  }
  return codes;
}

describe('explanations of errors', () => {
  let codes: Map<string, string>;
  before(async () => {
    codes = await readCodes();
    // zod's own word for a problem that a schema adds.
    codes.delete('custom');
  });

  it('are there for every code that the server makes', () => {
    const DOCUMENT_CODES = [
      'unsupported_type',
      'encrypted',
      'no_text',
      'resource_limit',
      'upload_lost',
      'worker_lost',
    ];
    for (const code of [...DOCUMENT_CODES, 'redis_unavailable', 'model_timeout', 'too_many_waiting'])
      assert.ok(codes.has(code), `the search for codes finds ${code}`);
    const unexplained = [...codes].filter(
      ([code]) =>
        !ELSEWHERE.test(code) &&
        // Says in its own sentence which fields are at fault.
        code !== 'invalid_request' &&
        !GROUPS.some((group) => Object.hasOwn(group, code)),
    );
    assert.deepEqual(unexplained, [], 'to be explained in i18n/en/*.ts and i18n/zh/*.ts');
  });

  it('are of codes that the server still makes', () => {
    // The page's own: a file that the browser cannot read.
    const known = new Set([...codes.keys(), 'unreadable']);
    const stale = [...Object.keys(enErrors), ...Object.keys(enFaults)].filter((code) => !known.has(code));
    assert.deepEqual(stale, []);
  });

  it('are in both languages, whole sentences, without what vue-i18n would take for syntax', () => {
    for (const [code, en] of Object.entries(enErrors)) {
      assert.match(en, /^[A-Z][^{}@|]+\.$/, code);
      assert.match(zhErrors[code as keyof typeof zhErrors], /^\p{Script=Han}[^{}@|]+。$/u, code);
    }
    for (const [code, en] of Object.entries(enFaults)) {
      assert.match(en, /^[A-Z][^{}@|.]{2,30}$/, code);
      assert.match(zhFaults[code as keyof typeof zhFaults], /^[^{}@|。]{2,14}$/, code);
      assert.ok(Object.hasOwn(enErrors, code) || Object.hasOwn(enCommon.error.code, code), code);
    }
    assert.deepEqual(Object.keys(enErrors), Object.keys(zhErrors));
    assert.deepEqual(Object.keys(enFaults), Object.keys(zhFaults));
    assert.deepEqual(Object.keys(enCommon.error.code), Object.keys(zhCommon.error.code));
  });
});

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runPage } from '../helpers/run-page.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

const UPLOADED = /"code":200,"data":\{"id":"doc_[^}]*"status":"ready","chunks":1\}/;

/** What the commands of a page print, in this order. */
const PAGES: Record<string, RegExp[]> = {
  'docs/quick-start.md': [
    UPLOADED,
    /"content":"The sources say:\\n\\nThe foghorn was replaced in 1931\. \[1\]"/,
    /"n":1,"document_id":"doc_[^"]*","filename":"lighthouse.md".*"start":0,"end":77/,
    /event: accepted\n/,
    /data: \{"content":/,
    /data: \[DONE\]/,
    /Found 2 files, 0\.0 MiB\.\n1 indexed, 1 already there\./,
  ],
  'docs/zh-CN/quick-start.md': [
    UPLOADED,
    /"content":"资料中写道：\\n\\n龙井茶产于杭州西湖一带，冲泡时水温以八十度为宜。 \[1\]"/,
    /"filename":"茶叶手册.md".*"headings":\["茶叶手册","绿茶"\]/,
    /event: accepted\n/,
    /data: \{"content":/,
    /data: \[DONE\]/,
    /Found 2 files, 0\.0 MiB\.\n1 indexed, 1 already there\./,
  ],
  'docs/api.md': [
    /"id":"chat_[^"]*","content":"[^"]+","finish_reason":"stop","usage":\{"prompt_tokens":\d+,/,
    UPLOADED,
    /The crane was built in 1922\. \[1\]".*"start":0,"end":78/,
    /# The harbour\n\nThe crane/,
    /"results":\[\{"n":1,/,
    /"documents":\[\{"id":"doc_/,
    /"deleted":true/,
  ],
  'docs/documents.md': [
    /"name":"hr",.*"documents":0/,
    UPLOADED,
    /"results":\[\{"n":1,"document_id":"doc_[^"]*","filename":"leave.md"/,
  ],
};
/** Files that a page takes as given. */
const FILES: Record<string, string> = { 'leave.md': '# 休假制度\n\n每位员工每年有十五天年假。\n' };

describe('documentation', () => {
  let stack: TestStack;
  before(async () => {
    stack = await startStack();
  });
  after(() => stack[Symbol.asyncDispose]());

  for (const [page, expected] of Object.entries(PAGES)) {
    it(`${page} has examples that run as they are`, async () => {
      const dir = await mkdtemp(join(tmpdir(), 'sluice-docs-'));
      try {
        for (const [name, text] of Object.entries(FILES)) await writeFile(join(dir, name), text);
        const stdout = await runPage(page, stack.url, dir);
        let rest = stdout;
        for (const pattern of expected) {
          const found = pattern.exec(rest);
          assert.ok(found, `${String(pattern)} is not in what is left of\n${stdout}`);
          rest = rest.slice(found.index + found[0].length);
        }
        assert.doesNotMatch(stdout, /"code":[45]\d\d/);
      } finally {
        await rm(dir, { recursive: true });
      }
    });
  }
});

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { dataOf, uploadAndWait } from '../helpers/api.ts';
import { noBrowser, openBrowser, visit } from '../helpers/browser.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';
import { openChatPage } from './chat-page.ts';

const FACT = 'The foghorn was replaced in 1931 by a diaphone 📯 that is heard twelve kilometres away.';
/** Long enough that the passage is far from the top; emoji, so that offsets in other units would be off. */
const LONG = [
  '# Lighthouse 🗼',
  ...Array.from(
    { length: 60 },
    (_, i) => `Day ${i} 🌊: the keeper wrote of the weather, and of little else.`,
  ),
  '## Foghorn',
  FACT,
  '## Afterwards',
  ...Array.from({ length: 60 }, (_, i) => `Night ${i}: nothing at all happened here.`),
].join('\n\n');
const CHINESE = '# 差旅制度\n\n员工出差住宿标准为每晚500元。机票须提前七天预订。';

describe('web app: sources of an answer', { skip: noBrowser }, () => {
  let stack: TestStack;
  let browser: Browser;
  before(async () => {
    browser = await openBrowser();
    stack = await startStack();
    const uploads = await Promise.all([
      uploadAndWait(stack.url, 'lighthouse.md', LONG),
      uploadAndWait(stack.url, '差旅制度.md', CHINESE),
    ]);
    for (const response of uploads) await dataOf(response);
  });
  after(async () => {
    await browser?.close();
    await stack?.[Symbol.asyncDispose]();
  });

  for (const theme of ['light', 'dark'] as const) {
    it(`are opened from a citation at the exact span, in view (${theme})`, async () => {
      await visit(browser, { url: stack.url, name: `citation-${theme}`, theme }, async (view) => {
        const { page } = view;
        const chat = openChatPage(page);
        await page.getByRole('button', { name: 'Knowledge: All documents' }).waitFor();
        await chat.ask('When was the foghorn replaced?');
        await chat.waitForEnd();
        const { sources = [], content } = await chat.readChat();
        const n = Number(/\[(\d+)\]/.exec(content)?.[1]);
        const source = sources.find((candidate) => candidate.n === n);
        assert.ok(source, content);
        assert.ok(source.text.includes(FACT), source.text);
        await view.screenshot('answer');

        const citation = page.getByRole('button', { name: `Source ${n}: lighthouse.md` });
        await citation.click();
        const dialog = page.getByRole('dialog', { name: 'lighthouse.md' });
        const mark = dialog.locator('mark');
        await mark.waitFor();
        assert.equal(await mark.textContent(), source.text);
        const text = await (
          await fetch(`${stack.url}/api/knowledge/documents/${source.document_id}/text`)
        ).text();
        assert.equal(text.slice(source.start, source.end), source.text);
        const box = await mark.boundingBox();
        assert.ok(box && box.y + box.height > 0 && box.y < 800, `in view: ${JSON.stringify(box)}`);
        await view.checkAccessibility();
        await view.screenshot();
        await page.keyboard.press('Escape');
        await dialog.waitFor({ state: 'detached' });
        assert.equal(await page.evaluate('document.activeElement.dataset.source'), String(n));

        await page.getByRole('button', { name: /^\d+ sources?$/ }).click();
        const list = page.getByRole('region', { name: 'Sources' });
        await list.getByRole('button', { name: 'cited' }).first().waitFor();
        await view.checkAccessibility();
        await view.screenshot('list');
        await list.getByRole('button', { name: 'lighthouse.md' }).first().click();
        await mark.waitFor();
      });
    });
  }

  it('show a passage of a version that is gone as it was', async () => {
    await visit(
      browser,
      { url: stack.url, name: 'citation-gone', tolerated: [/status of 404/] },
      async (view) => {
        const { page } = view;
        const uploaded = await dataOf<{ id: string }>(
          await uploadAndWait(
            stack.url,
            'fleeting.md',
            '# Zeppelin\n\nThe zeppelin Aurelia landed on the pier in 1908.',
          ),
        );
        const chat = openChatPage(page);
        await page.getByRole('button', { name: 'Knowledge: All documents' }).waitFor();
        await chat.ask('When did the zeppelin Aurelia land?');
        await chat.waitForEnd();
        await fetch(`${stack.url}/api/knowledge/documents/${uploaded.id}`, { method: 'DELETE' });
        await page.locator('.cite').first().click();
        const dialog = page.getByRole('dialog', { name: 'fleeting.md' });
        await dialog.getByRole('alert').waitFor();
        await dialog.getByText('The zeppelin Aurelia landed on the pier in 1908.').waitFor();
        await view.screenshot();
      },
    );
  });

  it('come from the documents that were chosen alone, in Chinese too', async () => {
    const options = { url: stack.url, name: 'picker-zh', locale: 'zh-CN', width: 360, height: 720 } as const;
    await visit(browser, options, async (view) => {
      const { page } = view;
      const chat = openChatPage(page);
      await page.getByRole('button', { name: '知识库: 全部文档' }).click();
      const dialog = page.getByRole('dialog', { name: '回答的依据' });
      await dialog.getByText('指定文档', { exact: true }).click();
      await dialog.getByPlaceholder('按名称筛选').fill('差旅');
      await dialog.getByLabel('差旅制度.md').check();
      assert.equal(await dialog.getByRole('checkbox').count(), 1);
      await view.checkAccessibility();
      await view.screenshot();
      await dialog.getByRole('button', { name: '确定' }).click();
      await page.getByRole('button', { name: '知识库: 差旅制度.md' }).waitFor();
      const [request] = await Promise.all([
        page.waitForRequest(
          (candidate) => candidate.method() === 'POST' && candidate.url().endsWith('/api/chat'),
        ),
        chat.ask('住宿标准是多少？'),
      ]);
      const asked = request.postDataJSON() as { knowledge: { documents: string[] } };
      assert.equal(asked.knowledge.documents.length, 1);
      await chat.waitForEnd();
      const { sources = [] } = await chat.readChat();
      assert.ok(sources.length > 0);
      for (const source of sources) assert.equal(source.document_id, asked.knowledge.documents[0]);
      await page.getByRole('button', { name: '来源 1：差旅制度.md' }).click();
      const mark = page.getByRole('dialog', { name: '差旅制度.md' }).locator('mark');
      assert.match((await mark.textContent()) ?? '', /住宿标准为每晚500元/);
      assert.equal(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), 0);
      await view.screenshot('passage');
    });
  });

  it('come from the collections that were chosen alone, which are remembered', async () => {
    await fetch(`${stack.url}/api/knowledge/collections/ships`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    const form = new FormData();
    form.append('collection', 'ships');
    form.append(
      'file',
      new File(['# Ships\n\nThe foghorn of the ship Aurora was made of brass.'], 'ships.md'),
    );
    const headers = { prefer: 'wait=60' };
    const { id } = await dataOf<{ id: string }>(
      await fetch(`${stack.url}/api/knowledge/upload`, { method: 'POST', body: form, headers }),
    );
    await visit(browser, { url: stack.url, name: 'picker-collection' }, async (view) => {
      const { page } = view;
      const chat = openChatPage(page);
      await page.getByRole('button', { name: 'Knowledge: All documents' }).click();
      const dialog = page.getByRole('dialog', { name: 'What answers are drawn from' });
      await dialog.getByText('Some collections', { exact: true }).click();
      assert.equal(await dialog.getByRole('button', { name: 'Use this' }).isDisabled(), true);
      await dialog.getByLabel('ships').check();
      await view.screenshot();
      await dialog.getByRole('button', { name: 'Use this' }).click();
      await page.getByRole('button', { name: 'Knowledge: ships' }).waitFor();
      await page.reload();
      await page.getByRole('button', { name: 'Knowledge: ships' }).waitFor();
      await chat.ask('What about the foghorn?');
      await chat.waitForEnd();
      const { sources = [] } = await chat.readChat();
      assert.deepEqual([...new Set(sources.map(({ document_id }) => document_id))], [id]);
    });
  });
});

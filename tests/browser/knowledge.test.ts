import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { createClient } from '../../client/src/index.ts';
import { noBrowser, openBrowser, visit } from '../helpers/browser.ts';
import { makePdf } from '../helpers/pdf.ts';
import { waitFor } from '../helpers/poll.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

const TEA =
  '# 茶叶手册\n\n## 绿茶\n\n龙井茶产于杭州西湖一带，冲泡时水温以八十度为宜。\n\n## 普洱茶\n\n普洱茶产于云南，宜用沸水。\n';

const fileOf = (name: string, content: string | Uint8Array) => ({
  name,
  mimeType: 'application/octet-stream',
  buffer: Buffer.from(content),
});
/** A file on its way is a line of the uploads. */
const uploadOf = (page: Page, name: string) => page.locator('li.upload').filter({ hasText: name });
const pick = (page: Page, files: ReturnType<typeof fileOf>[]) =>
  page.locator('input.files').setInputFiles(files);
/** Lets files go over the page, as if dragged from the desktop. */
const drop = (page: Page, files: Record<string, string>) =>
  page.evaluate(`{
    const data = new DataTransfer();
    for (const [name, content] of Object.entries(${JSON.stringify(files)})) data.items.add(new File([content], name));
    for (const type of ['dragenter', 'dragover', 'drop'])
      document.body.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
  }`);
const isWide = (page: Page) =>
  page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth');

describe('web app: knowledge', { skip: noBrowser }, () => {
  let stack: TestStack;
  let browser: Browser;
  let sluice: ReturnType<typeof createClient>;
  before(async () => {
    browser = await openBrowser();
    stack = await startStack();
    sluice = createClient({ baseUrl: stack.url });
  });
  after(async () => {
    await browser?.close();
    await stack?.[Symbol.asyncDispose]();
  });
  const open = (path = '') => `${stack.url}/knowledge${path}`;

  it('takes several files, chosen and dropped, shows how far each is, and lists them when ready', async () => {
    await visit(browser, { url: open(), name: 'knowledge-upload', height: 1000 }, async (view) => {
      const { page } = view;
      await page.getByText('No documents here yet').waitFor();
      await view.checkAccessibility();
      // Each step that a progress bar shows is noted: most pass faster than a test can look.
      await page.evaluate(`{
        window.steps = [];
        new MutationObserver(() => {
          for (const bar of document.querySelectorAll('li.upload [role=progressbar]'))
            window.steps.push([bar.getAttribute('aria-label'), bar.getAttribute('aria-valuenow')].join(' '));
        }).observe(document.body, { subtree: true, childList: true, attributes: true });
      }`);
      const long = Array.from({ length: 3_000 }, (_, i) => `Step ${i} of the manual says what to do.`);
      await pick(page, [
        fileOf('茶叶手册.md', TEA),
        fileOf('manual.txt', long.join('\n\n')),
        fileOf('keeper.pdf', makePdf(['The keeper logs every blast of the foghorn.'])),
      ]);
      await drop(page, { 'dropped.md': '# Dropped\n\nThis file fell onto the page.' });
      for (const name of ['茶叶手册.md', 'manual.txt', 'keeper.pdf', 'dropped.md'])
        await uploadOf(page, name)
          .getByText(/^Ready/)
          .waitFor({ timeout: 60_000 });
      const steps = new Set((await page.evaluate('window.steps')) as string[]);
      const ofManual = [...steps].filter((step) => step.startsWith('Upload of manual.txt '));
      assert.ok(ofManual.length >= 3, `the bar moves: ${ofManual.join(', ')}`);

      const { documents } = await sluice.knowledge.list();
      assert.deepEqual(documents.map(({ filename, status }) => `${filename} ${status}`).toSorted(), [
        'dropped.md ready',
        'keeper.pdf ready',
        'manual.txt ready',
        '茶叶手册.md ready',
      ]);
      for (const { filename, chunks = 0 } of documents) {
        const count = new Intl.NumberFormat('en-US').format(chunks);
        await uploadOf(page, filename)
          .getByText(new RegExp(`, ${count} passages?$`))
          .waitFor();
      }
      await page.getByText('4 documents').waitFor();
      await view.checkAccessibility();
      await view.screenshot();
    });
  });

  for (const [locale, sayings] of [
    ['en-US', { empty: 'has no content at all', broken: 'The file is damaged', type: 'cannot be read' }],
    ['zh-CN', { empty: '没有任何内容', broken: '文件已损坏', type: '无法读取这种类型' }],
  ] as const) {
    it(`explains in words what is not taken, before and after it is sent (${locale})`, async () => {
      const name = `knowledge-fault-${locale}`;
      await visit(browser, { url: open(), name, locale, height: 1000 }, async (view) => {
        const { page } = view;
        await page.locator('input.files').waitFor({ state: 'attached' });
        await pick(page, [
          fileOf('empty.txt', ''),
          fileOf('tool.exe', 'MZ'),
          fileOf(`broken-${locale}.pdf`, `%PDF-1.4 ${locale}`),
        ]);
        await page.getByText(sayings.empty).first().waitFor();
        await page.getByText(sayings.type).first().waitFor();
        await uploadOf(page, `broken-${locale}.pdf`).getByText(sayings.broken).first().waitFor();
        const { documents } = await sluice.knowledge.list();
        assert.deepEqual(
          documents.filter(({ filename }) => /empty|tool/.test(filename)),
          [],
          'what cannot be taken is not sent',
        );
        await view.checkAccessibility();
        await view.screenshot();
      });
    });
  }

  it('makes an import of many files, and follows it to its end on a page opened later', async () => {
    await visit(browser, { url: open(), name: 'knowledge-import', height: 1000 }, async (view) => {
      const { page } = view;
      await page.locator('input.files').waitFor({ state: 'attached' });
      await pick(
        page,
        Array.from({ length: 40 }, (_, i) =>
          fileOf(`手册-${i}.md`, i === 7 ? '   ' : `# 第 ${i} 章\n\n第 ${i} 章讲水闸的第 ${i} 种用法。`),
        ),
      );
      const bar = page.getByRole('progressbar', { name: /^Progress of/ }).first();
      await bar.waitFor();
      // Until then the page that sends them is needed.
      await waitFor(async () => (await sluice.batches.list()).batches[0]?.open === false, {
        what: 'all files to be sent',
      });
      await page.goto(open('?view=imports'));
      const card = page.locator('article.batch').first();
      await card.getByText('40 of 40 files (100%)', { exact: true }).waitFor({ timeout: 60_000 });
      await card.getByText('Done', { exact: true }).waitFor();
      await card.getByRole('button', { name: '1 problem' }).click();
      await card.getByText('手册-7.md').waitFor();
      const { batches } = await sluice.batches.list();
      assert.equal(batches[0]?.counts.ready, 39);
      await view.checkAccessibility();
      await view.screenshot();
    });
  });

  it('searches with the score of each stage, and opens a passage at its exact span', async () => {
    const url = open('?view=search');
    await visit(browser, { url, name: 'knowledge-search', locale: 'zh-CN' }, async (view) => {
      const { page } = view;
      await page.getByRole('searchbox').or(page.getByRole('textbox')).first().fill('冲泡龙井茶的水温');
      await page.keyboard.press('Enter');
      const first = page.locator('li.result').first();
      await first.getByRole('link', { name: '茶叶手册.md' }).waitFor();
      const { results } = await sluice.knowledge.retrieve({ query: '冲泡龙井茶的水温' });
      const hit = results[0];
      assert.ok(hit);
      const shown = (await first.innerText()).replaceAll(/\s+/g, ' ');
      for (const [stage, score] of Object.entries(hit.scores) as [string, number][])
        assert.ok(shown.includes(score.toFixed(score < 10 ? 3 : 2)), `${stage} ${score} in: ${shown}`);
      await view.checkAccessibility();
      await view.screenshot();

      await first.getByRole('link', { name: '茶叶手册.md' }).click();
      const mark = page.getByRole('dialog', { name: '茶叶手册.md' }).locator('mark');
      await mark.waitFor();
      assert.equal(await mark.textContent(), hit.text);
      const text = await (await fetch(`${stack.url}/api/knowledge/documents/${hit.document_id}/text`)).text();
      assert.equal(text.slice(hit.start, hit.end), hit.text);
      await view.checkAccessibility();
      await view.screenshot('passage');
    });
  });

  it('deletes a document after asking, on a phone and in the dark too', async () => {
    const options = { url: open(), name: 'knowledge-phone', theme: 'dark', width: 360, height: 740 } as const;
    await visit(browser, options, async (view) => {
      const { page } = view;
      await page.getByRole('button', { name: 'Delete dropped.md' }).first().waitFor();
      assert.equal(await isWide(page), false, 'nothing is wider than the phone');
      await view.checkAccessibility();
      await page.getByRole('button', { name: 'Delete dropped.md' }).first().click();
      const dialog = page.getByRole('dialog', { name: 'Delete this document?' });
      await view.screenshot('asks');
      await dialog.getByRole('button', { name: 'Cancel' }).click();
      const isThere = async () =>
        (await sluice.knowledge.list({ limit: 100 })).documents.some(
          ({ filename }) => filename === 'dropped.md',
        );
      assert.equal(await isThere(), true, 'nothing happens without the answer');
      await page.getByRole('button', { name: 'Delete dropped.md' }).first().click();
      await dialog.getByRole('button', { name: 'Delete' }).click();
      await dialog.waitFor({ state: 'detached' });
      await page.getByRole('button', { name: 'Delete dropped.md' }).waitFor({ state: 'detached' });
      assert.equal(await isThere(), false);
    });
  });
});

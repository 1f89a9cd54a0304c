import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { collectEvents, postJson } from '../helpers/api.ts';
import { noBrowser, openBrowser, visit } from '../helpers/browser.ts';
import { makePdf } from '../helpers/pdf.ts';
import { waitFor } from '../helpers/poll.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

const LONG_TEXT = `The harbour has three cranes. ${'Each of them lifts forty tons at once. '.repeat(40)}`;

/** The number of a tile. */
async function tile(page: Page, name: string): Promise<number> {
  const text = await page
    .locator('dl > div')
    .filter({ has: page.locator('dt', { hasText: name }) })
    .locator('dd')
    .first()
    .textContent();
  return Number.parseFloat((text ?? '').replaceAll(',', ''));
}

async function upload(url: string, name: string, bytes: string | Uint8Array<ArrayBuffer>): Promise<void> {
  const form = new FormData();
  form.append('file', new File([bytes], name));
  const response = await fetch(`${url}/api/knowledge/upload`, { method: 'POST', body: form });
  assert.equal(response.status, 202);
  await response.body?.cancel();
}

describe('web app: operations', { skip: noBrowser }, () => {
  let stack: TestStack;
  let browser: Browser;
  before(async () => {
    [browser, stack] = await Promise.all([openBrowser(), startStack({ tokenDelayMs: 200 })]);
  });
  after(async () => {
    await browser?.close();
    await stack?.[Symbol.asyncDispose]();
  });

  const ask = () =>
    postJson(`${stack.url}/api/chat`, { stream: true, messages: [{ role: 'user', content: LONG_TEXT }] });

  it('moves while load runs', async () => {
    await visit(browser, { url: `${stack.url}/ops`, name: 'ops-load', height: 1000 }, async (view) => {
      const { page } = view;
      await page.getByText('All queues move').first().waitFor();
      const badge = page.getByText(/^Live, \d\d:\d\d:\d\d$/);
      const first = await badge.textContent();
      const chart = page.getByRole('img', { name: /^First token\./ });
      assert.doesNotMatch((await chart.getAttribute('aria-label')) ?? '', /\d+ ms/);

      const answers = await Promise.all([ask(), ask(), ask(), ask()]);
      const reading = answers.map((answer) => collectEvents(answer));
      // Four chats and the page itself.
      await waitFor(async () => (await tile(page, 'Open streams')) === 5, { what: 'five streams' });
      const isMoving = async () =>
        (await tile(page, 'Tokens per second')) > 5 && (await tile(page, 'First token')) > 0;
      await waitFor(isMoving, { what: 'tokens' });
      await waitFor(async () => (await badge.textContent()) !== first, { what: 'the next turn' });
      const isDrawn = async () => /median: [\d.]+ m?s/.test((await chart.getAttribute('aria-label')) ?? '');
      await waitFor(isDrawn, { what: 'a first token in the chart' });
      const running = page
        .getByRole('row', { name: /^Chats / })
        .getByRole('cell')
        .nth(2);
      await waitFor(async () => (await running.textContent())?.trim() === '4', { what: 'running chats' });
      await waitFor(
        async () =>
          (await page.getByRole('row', { name: /^(gateway|chat-worker|ingest-worker) .* Alive/ }).count()) ===
          3,
        { what: 'three processes' },
      );
      await view.screenshot();
      await Promise.all(reading);
      // Counted over ten seconds: what takes long comes after.
      await waitFor(async () => (await tile(page, 'Chats ended')) === 4, { what: 'four ended chats' });
      await waitFor(async () => (await tile(page, 'Open streams')) === 1, { what: 'one stream' });
      await view.checkAccessibility();

      const numbers = page.locator('figure', { hasText: 'First token' }).locator('details');
      await numbers.locator('summary').click();
      assert.match((await numbers.getByRole('row').nth(1).textContent()) ?? '', /^\d\d:\d\d[\d.]+ m?s/);
    });
  });

  it('explains what failed, and has it tried again and deleted, after asking', async () => {
    await upload(stack.url, 'scan of a contract.pdf', makePdf(['']));
    await visit(browser, { url: `${stack.url}/ops`, name: 'ops-failures', height: 1000 }, async (view) => {
      const { page } = view;
      const row = page.getByRole('row', { name: /^scan of a contract\.pdf/ });
      await row.waitFor();
      await row.getByText('There is no text in the file').waitFor();
      await page.getByRole('listitem').filter({ hasText: 'no_text' }).waitFor();

      await row.getByRole('button', { name: 'Try again' }).click();
      const dialog = page.getByRole('dialog', { name: 'Try this document again?' });
      await dialog.waitFor();
      await view.checkAccessibility();
      await view.screenshot('retry');
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
      await row.getByText('version 1').waitFor();

      await row.getByRole('button', { name: 'Try again' }).click();
      await dialog.getByRole('button', { name: 'Try again' }).click();
      await page.getByText('scan of a contract.pdf waits for its next try.').waitFor();
      await row.getByText('version 2').waitFor();

      await row.getByRole('button', { name: 'Delete' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
      await row.waitFor({ state: 'detached' });
      await page.getByText('No document has failed.').waitFor();
      const error = page.getByRole('row', { name: /Document The PDF has no text/ }).first();
      assert.match((await error.textContent()) ?? '', /no_text.*doc_.*_v/);
      await error.getByRole('button', { name: /^Copy the request id/ }).click();
      const copied = await page.evaluate<string>('navigator.clipboard.readText()');
      assert.ok((await error.textContent())?.includes(copied) && copied.length > 10, copied);
      await view.checkAccessibility();
      await view.screenshot();
    });
  });

  it('fits a phone, and every table can be reached by the keyboard', async () => {
    const options = { url: `${stack.url}/ops`, name: 'ops-phone', width: 360, height: 740 };
    await visit(browser, options, async (view) => {
      const { page } = view;
      await page.getByRole('row', { name: /^Chats / }).waitFor();
      assert.equal(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), 0);
      assert.equal(await page.evaluate("document.querySelector('main').scrollWidth - innerWidth"), 0);
      const table = page.getByRole('region', { name: 'Queues' }).last();
      await table.focus();
      await page.keyboard.press('ArrowRight');
      await waitFor(() => table.evaluate((element) => element.scrollLeft > 0), {
        what: 'a table that scrolls',
      });
      await view.checkAccessibility();
      await view.screenshot();
    });
  });

  it('says it in Chinese, and in the dark, when a worker is lost and others starve', async () => {
    const options = { url: `${stack.url}/ops`, name: 'ops-zh', height: 1000 };
    await visit(browser, { ...options, locale: 'zh-CN', theme: 'dark' }, async (view) => {
      const { page } = view;
      await page.getByText('所有队列都在推进').first().waitFor();
      const running = await ask();
      const row = page.getByRole('row', { name: /^对话 / });
      await waitFor(async () => (await row.getByRole('cell').nth(2).textContent())?.trim() === '1', {
        what: 'a chat',
      });
      await stack.services
        .find(({ process }) => process.spawnargs.some((arg) => arg.includes('chat-worker')))
        ?.kill();
      const waiting = await ask();
      await page
        .getByText('对话：1 个运行中的任务失去了 worker，而且没有其他 worker 可以接手。请启动一个。')
        .waitFor();
      await page.getByText(/^饥饿 *对话：1 个任务在等待，最久的已等/).waitFor({ timeout: 30_000 });
      await page.getByText('失联', { exact: true }).waitFor({ timeout: 30_000 });
      await view.checkAccessibility();
      await view.screenshot();
      await stack.start('chat-worker');
      await Promise.all([collectEvents(running), collectEvents(waiting)]);
      await page.getByText('所有队列都在推进').first().waitFor({ timeout: 30_000 });
    });
  });

  it('says when the server is away, and goes on by itself when it is back', async () => {
    await visit(browser, { url: `${stack.url}/ops`, name: 'ops-away' }, async (view) => {
      const { page } = view;
      await page.getByText(/^Live, /).waitFor();
      // The connection stays, and says nothing any more.
      stack.gateway.process.kill('SIGSTOP');
      await page
        .getByText(/^No news since .* connecting again …$/)
        .first()
        .waitFor();
      assert.equal(await page.getByText('All queues move').count(), 0, 'nobody knows');
      await view.screenshot();
      stack.gateway.process.kill('SIGCONT');
      await page.getByText(/^Live, /).waitFor({ timeout: 30_000 });
    });
  });
});

describe('web app: operations with keys', { skip: noBrowser }, () => {
  let stack: TestStack;
  let browser: Browser;
  before(async () => {
    const env = {
      SLUICE_SCOPED_KEYS: 'key-of-the-front-end=chat,key-of-the-watcher=ops,key-of-the-admin=admin',
    };
    [browser, stack] = await Promise.all([openBrowser(), startStack({ services: ['ingest-worker'], env })]);
    const form = new FormData();
    form.append('file', new File([makePdf([''])], 'layoffs.pdf'));
    const headers = { authorization: 'Bearer key-of-the-admin' };
    await (
      await fetch(`${stack.url}/api/knowledge/upload`, { method: 'POST', body: form, headers })
    ).body?.cancel();
  });
  after(async () => {
    await browser?.close();
    await stack?.[Symbol.asyncDispose]();
  });

  const enter = async (page: Page, key: string) => {
    const dialog = page.getByRole('dialog', { name: 'API key' });
    await dialog.getByLabel('Key', { exact: true }).fill(key);
    await page.keyboard.press('Enter');
  };

  it('asks for one that may see them; shows a watcher no names and no buttons, and lets it into the queues', async () => {
    const tolerated = [/status of 40[13]/];
    await visit(browser, { url: `${stack.url}/ops`, name: 'ops-keys', tolerated }, async (view) => {
      const { page, context } = view;
      await enter(page, 'key-of-the-front-end');
      await page.getByText('This page needs another key').waitFor();
      await view.checkAccessibility();
      await view.screenshot('refused');
      await page.getByRole('button', { name: 'Enter a key' }).click();
      await enter(page, 'key-of-the-watcher');
      const row = page.getByRole('row', { name: /^doc_/ });
      await row.waitFor({ timeout: 30_000 });
      assert.equal(await page.getByText('layoffs').count(), 0);
      assert.equal(await page.getByRole('button', { name: /^(Try again|Delete)/ }).count(), 0);
      await page.getByText('Keys with the scope admin see file names').waitFor();
      await view.screenshot();

      const opened = context.waitForEvent('page');
      await page.getByRole('link', { name: 'Jobs in the queues' }).click();
      const board = await opened;
      const problems: string[] = [];
      board.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
      board.on('request', (request) => {
        if (!request.url().startsWith(stack.url) && !request.url().startsWith('data:'))
          problems.push(request.url());
      });
      await board.getByRole('link', { name: 'ingest' }).first().waitFor();
      await board.reload();
      await board.getByRole('link', { name: 'ingest' }).first().click();
      await board.waitForURL(/\/ops\/queues\/queue\/ingest/);
      await board.screenshot({ path: 'tests/artefacts/ops-queues.png' });
      assert.deepEqual(problems, []);
      await board.close();

      await page.getByRole('button', { name: 'Forget the API key' }).click();
      await waitFor(async () => (await context.cookies(`${stack.url}/ops/queues`)).length === 0, {
        what: 'the end of the session',
      });
    });
  });

  it('lets admin see names and act', async () => {
    const tolerated = [/status of 401/];
    await visit(browser, { url: `${stack.url}/ops`, name: 'ops-admin', tolerated }, async ({ page }) => {
      await enter(page, 'key-of-the-admin');
      await page.getByRole('row', { name: /^layoffs\.pdf/ }).waitFor();
      await page.getByRole('button', { name: 'Delete: layoffs.pdf' }).waitFor();
    });
  });
});

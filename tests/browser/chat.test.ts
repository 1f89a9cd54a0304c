import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { noBrowser, openBrowser, visit } from '../helpers/browser.ts';
import { waitFor } from '../helpers/poll.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';
import { startTcpProxy } from '../helpers/tcp-proxy.ts';
import type { TcpProxy } from '../helpers/tcp-proxy.ts';
import { openChatPage } from './chat-page.ts';

/** The stand-in's answer to it has about 50 words: at this delay it takes about three seconds. */
const QUESTION = 'Who are you?';
const TOKEN_DELAY_MS = 60;
const AWAY = [/net::ERR_/];

describe('web app: chat', { skip: noBrowser }, () => {
  let stack: TestStack;
  let proxy: TcpProxy;
  let browser: Browser;
  before(async () => {
    browser = await openBrowser();
    stack = await startStack({ services: ['chat-worker'], tokenDelayMs: TOKEN_DELAY_MS });
    proxy = await startTcpProxy(() => stack.gateway.port, Math.random);
  });
  after(async () => {
    await browser?.close();
    await proxy?.[Symbol.asyncDispose]();
    await stack?.[Symbol.asyncDispose]();
  });

  it('streams an answer, which is there after a reload too', async () => {
    await visit(browser, { url: stack.url, name: 'chat' }, async (view) => {
      const { page } = view;
      await page.getByRole('heading', { name: 'What would you like to know?' }).waitFor();
      await view.checkAccessibility();
      await view.screenshot('empty');
      const chat = openChatPage(page);
      await chat.ask(QUESTION);
      await chat.waitForText(10);
      const early = (await chat.answer.locator('.prose').textContent()) ?? '';
      await page
        .getByRole('status')
        .filter({ hasText: 'The answer is being written.' })
        .waitFor({ state: 'attached' });
      await view.screenshot('streaming');
      await chat.waitForEnd();
      const { content } = await chat.readChat();
      assert.ok(early.length < content.length && content.startsWith(early.trim()), early);
      assert.equal(await chat.copyAnswer(), content);
      await chat.answer.getByText(/\d+ \+ \d+ tokens/).waitFor();
      await view.checkAccessibility();
      await page.reload();
      await chat.waitForEnd();
      assert.equal(await chat.copyAnswer(), content);
      assert.equal(await page.getByRole('heading', { level: 1 }).textContent(), QUESTION);
      assert.equal(await page.title(), `${QUESTION} · Sluice`);
    });
  });

  for (const how of ['the button', 'Escape'] as const) {
    it(`stops by ${how}, at the server too`, async () => {
      const name = `chat-stop-by-${how === 'Escape' ? 'key' : 'button'}`;
      await visit(browser, { url: stack.url, name }, async ({ page }) => {
        const chat = openChatPage(page);
        await chat.ask(QUESTION);
        await chat.waitForText(10);
        if (how === 'Escape') await page.keyboard.press('Escape');
        else await page.getByRole('button', { name: 'Stop (Esc)' }).click();
        await page.locator('.answer.stopped').waitFor();
        const { status, content } = await chat.readChat();
        assert.equal(status, 'cancelled');
        await waitFor(async () => (await page.evaluate('document.activeElement.id')) === 'question', {
          what: 'the focus to be where the next question is written',
        });
        assert.equal(await chat.copyAnswer(), content);
        await chat.answer.getByRole('button', { name: 'Ask again' }).click();
        await chat.waitForEnd();
        assert.equal(chat.ids.length, 2);
        assert.equal(await chat.copyAnswer(), (await chat.readChat()).content);
      });
    });
  }

  it('goes on after reloads in the middle of an answer, with no character lost or doubled', async () => {
    await visit(browser, { url: stack.url, name: 'chat-reload' }, async ({ page }) => {
      const chat = openChatPage(page);
      await chat.ask(QUESTION);
      let reloads = 0;
      for (const characters of [1, 60, 140]) {
        await chat.waitForText(characters);
        // On a slow machine the answer may end while the page loads.
        if ((await page.locator('.answer.running').count()) === 0) break;
        await page.reload();
        reloads += 1;
      }
      assert.ok(reloads >= 1, 'it was reloaded in the middle');
      await chat.waitForEnd();
      assert.equal(chat.ids.length, 1, 'the question was asked once');
      assert.equal(await chat.copyAnswer(), (await chat.readChat()).content);
    });
  });

  it('goes on after a reload that comes before the server has answered', async () => {
    await visit(browser, { url: stack.url, name: 'chat-early-reload', tolerated: AWAY }, async ({ page }) => {
      const chat = openChatPage(page);
      // Held back: the question is on its way, and its id is not known to the page.
      await page.route('**/api/chat', () => undefined, { times: 1 });
      await chat.ask(QUESTION);
      await page.locator('.answer.sending').waitFor();
      await waitFor(async () => (await page.evaluate(COUNT_KEPT)) === 1, { what: 'the question to be kept' });
      await page.reload();
      await chat.waitForEnd();
      assert.equal(await chat.copyAnswer(), (await chat.readChat()).content);
    });
  });

  it('goes on when the device was offline, and says so meanwhile', async () => {
    await visit(browser, { url: stack.url, name: 'chat-offline', tolerated: AWAY }, async (view) => {
      const { page, context } = view;
      const chat = openChatPage(page);
      await chat.ask(QUESTION);
      await chat.waitForText(20);
      await context.setOffline(true);
      await chat.answer.getByText('The connection is lost.').waitFor();
      await view.checkAccessibility();
      await view.screenshot();
      // All of the answer comes while nobody listens.
      await waitFor(async () => (await chatOf(stack, chat.ids[0])).status === 'done', { what: 'the answer' });
      await context.setOffline(false);
      await chat.waitForEnd();
      assert.equal(await chat.copyAnswer(), (await chat.readChat()).content);
    });
  });

  it('goes on over connections that break again and again', async () => {
    const url = `http://127.0.0.1:${proxy.port}`;
    await visit(browser, { url, name: 'chat-broken', tolerated: AWAY }, async ({ page }) => {
      const chat = openChatPage(page);
      await chat.ask(QUESTION);
      for (const characters of [10, 80, 160]) {
        await chat.waitForText(characters);
        proxy.reset();
      }
      await chat.waitForEnd();
      assert.equal(chat.ids.length, 1);
      assert.equal(await chat.copyAnswer(), (await chat.readChat()).content);
    });
  });

  it('goes on when the worker that writes it is killed', async () => {
    await visit(browser, { url: stack.url, name: 'chat-takeover' }, async (view) => {
      const chat = openChatPage(view.page);
      await chat.ask(QUESTION);
      await chat.waitForText(20);
      await stack.services.find(({ url }) => url !== stack.gateway.url)?.kill();
      await stack.start('chat-worker');
      await chat.waitForEnd();
      await chat.answer.getByText('Another worker went on with this answer').waitFor();
      const { content } = await chat.readChat();
      assert.match(content, /^I am Sluice's offline model: .* to use a real model\.$/);
      assert.equal(await chat.copyAnswer(), content);
      await view.screenshot();
    });
  });
});

/** Conversations in the browser's database. */
const COUNT_KEPT = `new Promise((resolve) => {
  const opening = indexedDB.open('sluice.conversations');
  opening.onsuccess = () => {
    const counting = opening.result.transaction('conversations').objectStore('conversations').count();
    counting.onsuccess = () => (resolve(counting.result), opening.result.close());
  };
})`;

async function chatOf(stack: TestStack, id: string | undefined): Promise<{ status: string }> {
  const response = await fetch(`${stack.url}/api/chat/${id}`);
  return ((await response.json()) as { data: { status: string } }).data;
}

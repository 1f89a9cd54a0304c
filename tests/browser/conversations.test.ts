import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { noBrowser, openBrowser, visit } from '../helpers/browser.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';
import { openChatPage } from './chat-page.ts';

const QUESTION = 'Who are you?';
/** The stand-in's answer to it has about 90 characters, each of which it waits for. */
const SLOW_QUESTION = '你是谁？';
const TOKEN_DELAY_MS = 50;

describe('web app: conversations', { skip: noBrowser }, () => {
  let stack: TestStack;
  let browser: Browser;
  before(async () => {
    browser = await openBrowser();
    stack = await startStack({ services: ['chat-worker'], tokenDelayMs: TOKEN_DELAY_MS });
  });
  after(async () => {
    await browser?.close();
    await stack?.[Symbol.asyncDispose]();
  });

  it('answers several conversations at once, and renames, exports and deletes them', async () => {
    await visit(browser, { url: stack.url, name: 'chat-list' }, async (view) => {
      const { page } = view;
      const chat = openChatPage(page);
      const list = page.getByRole('navigation', { name: 'Conversations' });
      await chat.ask(SLOW_QUESTION);
      await chat.waitForText(1);
      await page.getByRole('link', { name: 'New conversation' }).first().click();
      await page.getByRole('heading', { name: 'What would you like to know?' }).waitFor();
      await chat.ask(QUESTION);
      await chat.waitForText(1);
      assert.equal(await list.getByTitle('being answered').count(), 2);
      await chat.waitForEnd();
      await list.getByRole('link', { name: SLOW_QUESTION }).click();
      await chat.waitForEnd();
      assert.equal(await list.getByTitle('being answered').count(), 0);
      await view.screenshot();

      await page.getByRole('button', { name: 'Rename' }).click();
      await page.getByLabel('Name of the conversation').fill('Introduction: 1/2');
      await page.keyboard.press('Enter');
      await list.getByRole('link', { name: 'Introduction: 1/2' }).waitFor();
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: 'Export as Markdown' }).click(),
      ]);
      assert.equal(download.suggestedFilename(), 'Introduction 1 2.md');
      const exported = await readFile(await download.path(), 'utf8');
      assert.match(exported, /^# Introduction: 1\/2\n\n## Question\n\n你是谁？\n\n## Answer\n\n我是 Sluice/);

      await page.getByRole('button', { name: 'Delete' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
      await page.getByRole('heading', { name: 'What would you like to know?' }).waitFor();
      await page.reload();
      await list.getByRole('link', { name: QUESTION }).waitFor();
      assert.equal(await list.getByRole('link').count(), 1);
    });
  });

  it('speaks Chinese, and sends nothing while Chinese is being composed', async () => {
    const options = { url: stack.url, name: 'chat-zh', locale: 'zh-CN', theme: 'dark' } as const;
    await visit(browser, options, async (view) => {
      const { page } = view;
      const chat = openChatPage(page);
      await chat.question.fill('你是谁');
      for (const init of [{ isComposing: true }, { keyCode: 229 }])
        await chat.question.dispatchEvent('keydown', {
          key: 'Enter',
          bubbles: true,
          cancelable: true,
          ...init,
        });
      await chat.question.press('Shift+Enter');
      assert.equal(await chat.question.inputValue(), '你是谁\n');
      await chat.ask('你是谁？');
      await page.getByText('正在生成回答。').waitFor({ state: 'attached' });
      await chat.waitForEnd();
      assert.match(await chat.copyAnswer(), /^我是 Sluice 的离线模型/);
      await view.checkAccessibility();
      await view.screenshot();
    });
  });

  it('fits a phone', async () => {
    for (const [theme, locale] of [
      ['light', 'en-US'],
      ['dark', 'zh-CN'],
    ] as const) {
      const options = { url: stack.url, name: `chat-phone-${theme}`, width: 360, height: 720, theme, locale };
      await visit(browser, options, async (view) => {
        const { page } = view;
        const chat = openChatPage(page);
        await chat.ask(`${QUESTION} ${'Antidisestablishmentarianism'.repeat(8)}`);
        await chat.waitForEnd();
        assert.equal(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), 0);
        await view.checkAccessibility();
        await view.screenshot();
        await page.getByRole('button', { name: /^(?:Show the conversations|显示对话列表)$/ }).click();
        await page.getByRole('dialog').waitFor();
        await view.checkAccessibility();
        await view.screenshot('list');
      });
    }
  });

  it('shows in a second tab how far the first one is, and stops it from there', async () => {
    await visit(browser, { url: stack.url, name: 'chat-tabs' }, async ({ page, context }) => {
      const chat = openChatPage(page);
      await chat.ask(SLOW_QUESTION);
      await chat.waitForText(10);
      const second = await context.newPage();
      await second.goto(page.url());
      await second.locator('.answer.running .prose').waitFor();
      await second.getByRole('button', { name: 'Stop (Esc)' }).click();
      for (const tab of [page, second]) await tab.locator('.answer.stopped').waitFor();
      assert.equal((await chat.readChat()).status, 'cancelled');
    });
  });
});

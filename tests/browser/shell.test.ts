import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { noBrowser, openBrowser, visit } from '../helpers/browser.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

const PAGES = ['/', '/knowledge', '/ops'];

describe('web app: shell', { skip: noBrowser }, () => {
  let stack: TestStack;
  let browser: Browser;
  before(async () => {
    [browser, stack] = await Promise.all([openBrowser(), startStack({ services: [] })]);
  });
  after(async () => {
    await browser?.close();
    await stack?.[Symbol.asyncDispose]();
  });

  it('speaks the language of the browser, and the other one when asked, and remembers it', async () => {
    await visit(browser, { url: stack.url, name: 'shell-zh', locale: 'zh-CN' }, async ({ page }) => {
      await page.getByRole('link', { name: '知识库' }).waitFor();
      // It is there with the page of the route, which loads after the frame.
      await page.waitForFunction(`document.title === '对话 · Sluice'`);
      assert.equal(await page.locator('html').getAttribute('lang'), 'zh-CN');
      await page.getByRole('button', { name: 'English' }).click();
      await page.getByRole('link', { name: 'Knowledge' }).waitFor();
      await page.waitForFunction(`document.title === 'Chat · Sluice'`);
      await page.reload();
      await page.getByRole('link', { name: 'Knowledge' }).waitFor();
      assert.equal(await page.locator('html').getAttribute('lang'), 'en');
    });
  });

  it('follows the theme of the system until another one is chosen', async () => {
    await visit(browser, { url: stack.url, name: 'shell-theme', theme: 'dark' }, async ({ page }) => {
      const shown = () => page.locator('html').getAttribute('data-theme');
      const button = page.getByRole('button', { name: 'Appearance' });
      await button.waitFor();
      assert.equal(await shown(), 'dark');
      await page.emulateMedia({ colorScheme: 'light' });
      await page.locator('html[data-theme=light]').waitFor();
      await button.click();
      await button.click();
      assert.match((await button.getAttribute('aria-label')) ?? '', /Dark$/);
      await page.reload();
      await button.waitFor();
      assert.equal(await shown(), 'dark');
    });
  });

  for (const width of [360, 1280]) {
    it(`shows every page without a sideways scroll at a width of ${width}`, async () => {
      for (const path of PAGES) {
        const name = `shell${path === '/' ? '-chat' : path.replace('/', '-')}-${width}`;
        await visit(browser, { url: stack.url + path, name, width }, async (view) => {
          const { page } = view;
          await page.locator('main h1').first().waitFor({ state: 'attached' });
          const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
          assert.equal(overflow, 0, `pixels beyond the width of ${path}`);
          await view.checkAccessibility();
          await view.screenshot();
        });
      }
    });
  }

  it('reaches the content by the keyboard, past the navigation', async () => {
    await visit(browser, { url: `${stack.url}/knowledge`, name: 'shell-skip' }, async ({ page }) => {
      await page.getByRole('link', { name: 'Knowledge' }).waitFor();
      await page.keyboard.press('Tab');
      assert.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to the content');
      await page.keyboard.press('Enter');
      assert.equal(await page.evaluate('document.activeElement.id'), 'content');
    });
  });
});

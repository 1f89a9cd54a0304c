import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { noBrowser, openBrowser, visit } from '../helpers/browser.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';

const KEY = 'a-key-of-a-browser-test';

describe('web app: API key', { skip: noBrowser }, () => {
  let stack: TestStack;
  let browser: Browser;
  before(async () => {
    [browser, stack] = await Promise.all([
      openBrowser(),
      startStack({ services: [], env: { SLUICE_API_KEY: KEY } }),
    ]);
  });
  after(async () => {
    await browser?.close();
    await stack?.[Symbol.asyncDispose]();
  });

  it('is asked for at the first 401, again when it is wrong, and kept for the tab', async () => {
    const tolerated = [/status of 401/];
    await visit(browser, { url: stack.url, name: 'key', tolerated }, async (view) => {
      const { page } = view;
      const dialog = page.getByRole('dialog', { name: 'API key' });
      await dialog.waitFor();
      await view.checkAccessibility();
      await view.screenshot();
      await dialog.getByLabel('Key', { exact: true }).fill('wrong-key');
      await page.keyboard.press('Enter');
      await dialog.getByRole('alert').waitFor();
      await dialog.getByLabel('Key', { exact: true }).fill(KEY);
      await page.keyboard.press('Enter');
      await dialog.waitFor({ state: 'detached' });
      await page.getByRole('button', { name: 'Forget the API key' }).waitFor();
      await page.setViewportSize({ width: 360, height: 720 });
      assert.equal(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), 0);
      await view.screenshot('phone');
      await page.reload();
      await page.getByRole('button', { name: 'Forget the API key' }).waitFor();
      assert.equal(await dialog.count(), 0);
      assert.equal(await page.evaluate("localStorage.getItem('sluice.api-key')"), null);
    });
  });
});

import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import { noBrowser, openBrowser, visit } from '../helpers/browser.ts';
import { answer, begin, chunk, refuse, startScriptedModel } from '../helpers/scripted-model.ts';
import type { ScriptedModel } from '../helpers/scripted-model.ts';
import { waitFor } from '../helpers/poll.ts';
import { startStack } from '../helpers/stack.ts';
import type { TestStack } from '../helpers/stack.ts';
import { openChatPage } from './chat-page.ts';

const CODE = `function greet(name: string): string {\n  return \`Hello, \${name} & <b>all</b>\`;\n}\n`;
const RICH = `## What it does

A paragraph with **bold** words, \`code\`, and a [link](https://example.com).

1. one
2. two
   - nested

\`\`\`ts
${CODE}\`\`\`

| unit | value |
|---|--:|
| tokens | 12 |
| 词元 | 34 |

> Quoted.
`;
const HOSTILE = `<script>window.hacked = 1</script><img src=x onerror="window.hacked = 2">

[a](javascript:window.hacked=3) ![pixel](https://evil.example/pixel?q=secret)

<iframe src="https://evil.example/"></iframe> \`\`\`html
<style>body { display: none }</style>
`;

/** Sixty paragraphs, one after the other, until the reader goes or they have come. */
async function beLong(response: ServerResponse): Promise<void> {
  begin(response);
  for (let i = 0; i < 60 && !response.destroyed; i += 1) {
    response.write(chunk({ content: `Paragraph ${i} of a long answer.\n\n` }));
    await sleep(30);
  }
  response.end(`${chunk({}, 'stop')}data: [DONE]\n\n`);
}

describe('web app: what a model writes', { skip: noBrowser }, () => {
  let stack: TestStack;
  let model: ScriptedModel;
  let browser: Browser;
  before(async () => {
    browser = await openBrowser();
    model = await startScriptedModel((request, response) => {
      const messages = model.requests.at(-1)?.body['messages'] as { content: string }[] | undefined;
      const question = messages?.at(-1)?.content;
      if (question === 'Be rich.') return answer(RICH)(request, response);
      if (question === 'Be hostile.') return answer(HOSTILE)(request, response);
      if (question === 'Be long.') return void beLong(response);
      if (question === 'Break off.') {
        begin(response, chunk({ content: 'Half of ' }));
        // What is written at once is lost with the connection.
        return void setTimeout(() => response.destroy(), 100);
      }
      return refuse(401)(request, response);
    });
    stack = await startStack({
      services: ['chat-worker'],
      env: {
        OPENAI_BASE_URL: model.url,
        MODEL_TRIES: '1',
        MODEL_BREAKER_FAILURES: '100',
        CHAT_MODELS: 'qwen-plus',
      },
    });
  });
  after(async () => {
    await browser?.close();
    await stack?.[Symbol.asyncDispose]();
    await model?.[Symbol.asyncDispose]();
  });

  for (const theme of ['light', 'dark'] as const) {
    it(`is shown as Markdown, with code that is coloured and can be copied (${theme})`, async () => {
      await visit(browser, { url: stack.url, name: `markdown-${theme}`, theme }, async (view) => {
        const { page } = view;
        const chat = openChatPage(page);
        await chat.ask('Be rich.');
        await chat.waitForEnd();
        await chat.answer.locator('.hljs-keyword').first().waitFor();
        assert.equal(await chat.answer.locator('pre code').textContent(), CODE);
        assert.equal(await chat.answer.locator('table td').count(), 4);
        await chat.answer.getByRole('button', { name: 'Copy', exact: true }).click();
        await chat.answer.getByRole('button', { name: 'Copied', exact: true }).waitFor();
        assert.equal(await page.evaluate('navigator.clipboard.readText()'), CODE);
        assert.equal(await chat.copyAnswer(), RICH);
        await view.checkAccessibility();
        await view.screenshot();
      });
    });
  }

  it('does nothing in the page, whatever it is, and asks nothing of other servers', async () => {
    await visit(browser, { url: stack.url, name: 'hostile' }, async ({ page }) => {
      const chat = openChatPage(page);
      await chat.ask('Be hostile.');
      await chat.waitForEnd();
      assert.equal(await page.evaluate('window.hacked'), undefined);
      assert.equal(await chat.answer.locator('.prose :is(script, img, iframe, style)').count(), 0);
      for (const link of await chat.answer.locator('.prose a').all())
        assert.match((await link.getAttribute('href')) ?? '', /^https:/);
      assert.equal(await chat.copyAnswer(), HOSTILE);
    });
  });

  it('stays in view while it grows, until the reader scrolls up, and again when asked to', async () => {
    await visit(browser, { url: stack.url, name: 'long' }, async ({ page }) => {
      const chat = openChatPage(page);
      const scroller = page.getByRole('region', { name: 'Be long.' });
      await chat.ask('Be long.');
      const fromEnd = `(() => {
        const scroller = document.querySelector('.scroller');
        return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
      })()`;
      const isScrollable = 'document.querySelector(".scroller").scrollTop > 100';
      await waitFor(async () => page.evaluate(isScrollable), { what: 'more than fits' });
      assert.ok(Number(await page.evaluate(fromEnd)) < 100);
      await scroller.hover();
      await page.mouse.wheel(0, -400);
      const toEnd = page.getByRole('button', { name: 'To the end' });
      await toEnd.waitFor();
      const place = 'document.querySelector(".scroller").scrollTop';
      const stayed = await page.evaluate(place);
      const length = Number(await page.evaluate('document.querySelector(".prose").textContent.length'));
      await chat.waitForText(length + 100);
      assert.equal(await page.evaluate(place), stayed, 'where the reader is, it stays');
      await toEnd.click();
      await chat.waitForEnd();
      assert.ok(Number(await page.evaluate(fromEnd)) < 100);
      assert.equal(await toEnd.count(), 0);
    });
  });

  it('is asked of the model that was chosen', async () => {
    await visit(browser, { url: stack.url, name: 'model' }, async ({ page }) => {
      const chat = openChatPage(page);
      await page.getByLabel('Model').selectOption('qwen-plus');
      await chat.ask('Be rich.');
      await chat.waitForEnd();
      assert.equal(model.requests.at(-1)?.body['model'], 'qwen-plus');
      await chat.answer.getByText('qwen-plus').waitFor();
      await page.reload();
      await chat.waitForEnd();
      assert.equal(await page.getByLabel('Model').inputValue(), 'qwen-plus');
    });
  });

  for (const [locale, words, again] of [
    ['en-US', "The model's server did not take Sluice's key.", 'Ask again'],
    ['zh-CN', '模型服务器不接受 Sluice 的密钥', '重新提问'],
  ] as const) {
    it(`is explained in words when it is an error (${locale})`, async () => {
      await visit(browser, { url: stack.url, name: `error-${locale}`, locale }, async (view) => {
        const { page } = view;
        const chat = openChatPage(page);
        await chat.ask('Fail.');
        const alert = page.getByRole('alert').filter({ hasText: words });
        await alert.waitFor();
        await alert.getByText('model_auth_failed').waitFor();
        assert.match((await alert.textContent()) ?? '', /(?:Request|请求编号) [\w-]{8,}/);
        await view.checkAccessibility();
        await view.screenshot();
        const asked = model.requests.length;
        await alert.getByRole('button', { name: again }).click();
        await waitFor(() => model.requests.length > asked, { what: 'the question to be asked again' });
        await alert.waitFor();
      });
    });
  }

  it('stays where it broke off', async () => {
    await visit(browser, { url: stack.url, name: 'broken-off' }, async ({ page }) => {
      const chat = openChatPage(page);
      await chat.ask('Break off.');
      await page.getByRole('alert').filter({ hasText: 'model_unavailable' }).waitFor();
      assert.equal((await chat.answer.locator('.prose').textContent())?.trim(), 'Half of');
    });
  });
});

import assert from 'node:assert/strict';
import type { Locator, Page } from 'playwright-core';
import { dataOf } from '../helpers/api.ts';
import { waitFor } from '../helpers/poll.ts';

/** Characters of the last answer that are on the screen. */
const SHOWN = `document.querySelector('.turn:last-child .prose')?.textContent.length ?? 0`;

/** What the API has of a chat. */
export interface KnownChat {
  id: string;
  status: string;
  content: string;
  sources?: { n: number; document_id: string; text: string; start: number; end: number }[];
}

/** The chat page, as a user works with it. */
export interface ChatPage {
  question: Locator;
  /** The last answer. */
  answer: Locator;
  /** Ids of the chats that the page has begun, in their order. */
  ids: string[];
  ask(question: string): Promise<void>;
  /** Waits until the last answer shows at least so many characters. */
  waitForText(characters: number): Promise<void>;
  /** Waits until the last answer is complete. */
  waitForEnd(): Promise<void>;
  /** The whole Markdown of the last answer, as the page gives it away. */
  copyAnswer(): Promise<string>;
  /** What the server has of the last chat. */
  readChat(): Promise<KnownChat>;
}

/** Takes a page that is at the chat. */
export function openChatPage(page: Page): ChatPage {
  const ids: string[] = [];
  page.on('response', (response) => {
    const id = response.headers()['x-chat-id'];
    if (response.request().method() === 'POST' && id !== undefined && !ids.includes(id)) ids.push(id);
  });
  const question = page.locator('#question');
  const answer = page.locator('.answer').last();
  return {
    question,
    answer,
    ids,
    async ask(text) {
      await question.fill(text);
      await question.press('Enter');
    },
    // Polled from here: the page's policy lets nothing be evaluated in it.
    async waitForText(characters) {
      await waitFor(async () => Number(await page.evaluate(SHOWN)) >= characters, {
        what: `${characters} characters of an answer`,
      });
    },
    waitForEnd: () => page.locator('.turn:last-child .answer.done').waitFor({ timeout: 30_000 }),
    async copyAnswer() {
      await page.evaluate("navigator.clipboard.writeText('')");
      await answer.getByRole('button', { name: /^(?:Copy the answer|复制回答)$/ }).click();
      const copied = () => page.evaluate('navigator.clipboard.readText()') as Promise<string>;
      return waitFor(copied, { what: 'the answer in the clipboard' });
    },
    async readChat() {
      const id = ids.at(-1);
      assert.ok(id, 'the page has begun a chat');
      return dataOf<KnownChat>(await fetch(`${new URL(page.url()).origin}/api/chat/${id}`));
    },
  };
}

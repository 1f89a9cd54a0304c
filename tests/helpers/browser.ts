import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { AxeResults } from 'axe-core';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { NO_CHROMIUM, findChromium } from '../../dev/chromium.ts';
import { ensureWebApp } from '../../dev/web-app.ts';

const ROOT = dirname(dirname(import.meta.dirname));
/** Screenshots; git ignores them, and continuous integration keeps them. */
const ARTEFACTS = join(ROOT, 'tests/artefacts');
const DEFAULT_TIMEOUT_MS = 15_000;
const program = findChromium();

/** For `describe(…, { skip: noBrowser }, …)`: why there can be no browser test here; false where there can. */
export const noBrowser: string | false = program === undefined && NO_CHROMIUM;

/** What a visit is like. */
export interface VisitOptions {
  url: string;
  /** Screenshots are named after it; unique in the file. */
  name: string;
  locale?: 'en-US' | 'zh-CN';
  theme?: 'light' | 'dark';
  width?: number;
  height?: number;
  /** Console errors that belong to the test, such as those that Chromium writes when the network is cut. */
  tolerated?: RegExp[];
}

/** A page that is open in a browser of its own: no storage is shared with other visits. */
export interface Visit {
  page: Page;
  context: BrowserContext;
  /** Keeps a picture as tests/artefacts/<name of the visit>[-<suffix>].png. */
  screenshot(suffix?: string): Promise<void>;
  /** Fails when axe-core finds something serious or critical on the page as it is now. */
  checkAccessibility(): Promise<void>;
}

/** Starts Chromium, and builds the web app if its sources have changed. Close it in `after`. */
export async function openBrowser(): Promise<Browser> {
  assert.ok(program, NO_CHROMIUM);
  await ensureWebApp(ROOT, console.log);
  return chromium.launch({
    executablePath: program,
    // Chromium's sandbox refuses to run as root, which is what containers run as.
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
}

/**
 * Opens a page, hands it to `act`, and closes it. Fails, beside what `act` throws, on an error in the console, an uncaught
 * exception, and a request to any other server than that of the page. A failure leaves a screenshot.
 */
export async function visit(
  browser: Browser,
  options: VisitOptions,
  act: (view: Visit) => Promise<void>,
): Promise<void> {
  const {
    url,
    name,
    locale = 'en-US',
    theme = 'light',
    width = 1280,
    height = 800,
    tolerated = [],
  } = options;
  const context = await browser.newContext({
    locale,
    colorScheme: theme,
    viewport: { width, height },
    reducedMotion: 'reduce',
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  context.setDefaultTimeout(DEFAULT_TIMEOUT_MS);
  const page = await context.newPage();
  const problems = collectProblems(page, new URL(url).origin, tolerated);
  const screenshot = async (suffix?: string) => {
    mkdirSync(ARTEFACTS, { recursive: true });
    await page.screenshot({ path: join(ARTEFACTS, `${[name, suffix].filter(Boolean).join('-')}.png`) });
  };
  try {
    await page.goto(url);
    await act({ page, context, screenshot, checkAccessibility: () => checkAccessibility(page) });
    assert.deepEqual(problems, [], 'what the page did beside what was tested');
  } catch (error) {
    await screenshot('failed').catch(() => undefined);
    if (error instanceof Error && problems.length > 0)
      error.message += `\nProblems of the page:\n${problems.join('\n')}`;
    throw error;
  } finally {
    await context.close();
  }
}

function collectProblems(page: Page, origin: string, tolerated: readonly RegExp[]): string[] {
  const problems: string[] = [];
  const report = (problem: string) => {
    if (!tolerated.some((pattern) => pattern.test(problem))) problems.push(problem);
  };
  page.on('console', (message) => {
    if (message.type() === 'error') report(`console: ${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => report(`exception: ${error.stack ?? error.message}`));
  page.on('request', (request) => {
    const url = request.url();
    if (!/^(?:data|blob|about):/.test(url) && new URL(url).origin !== origin) report(`request to ${url}`);
  });
  return problems;
}

async function checkAccessibility(page: Page): Promise<void> {
  const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  // By the debugger's evaluate: the page's own policy, rightly, runs no script that is put into it.
  await page.evaluate(`${source}; undefined`);
  const { violations } = (await page.evaluate('axe.run()')) as AxeResults;
  const findings = violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => ({
      id,
      help,
      nodes: nodes.map((node) => `${node.html.slice(0, 200)} — ${node.failureSummary ?? ''}`),
    }));
  assert.deepEqual(findings, [], 'serious findings of axe-core');
}

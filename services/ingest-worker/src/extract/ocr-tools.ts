import { ConfigError } from '@sluice/shared/config';
import { type ToolOptions, type ToolResult, runTool } from './run-tool.ts';

/**
 * The longer side of a page in pixels, whatever size the page claims to have: 300 dots per inch of A4, which is what
 * tesseract is trained for.
 */
const PAGE_PIXELS = 3508;

const START_LIMITS = { timeoutMs: 20_000, rssMb: 512 };

/**
 * Checks that everything which OCR needs is there.
 *
 * @param languages as tesseract names them, such as `eng+chi_sim`
 * @throws ConfigError with what to install
 */
export async function checkOcrTools(languages: string): Promise<void> {
  const missing: string[] = [];
  if (!(await isThere('pdftoppm', ['-v']))) missing.push('poppler-utils');
  const installed = await listLanguages();
  if (!installed) missing.push('tesseract-ocr');
  for (const language of languages.split('+')) {
    // On Debian English comes with the program.
    const isBundled = !installed && language === 'eng';
    if (!installed?.has(language) && !isBundled) missing.push(packageOf(language));
  }
  if (missing.length === 0) return;
  throw new ConfigError([
    `OCR_LANGUAGES: text recognition in ${languages} needs programs that are not here. On Debian or Ubuntu type: apt-get install -y ${missing.join(' ')}`,
  ]);
}

function packageOf(language: string): string {
  return `tesseract-ocr-${language.toLowerCase().replaceAll('_', '-')}`;
}

/** undefined without tesseract. */
async function listLanguages(): Promise<Set<string> | undefined> {
  const result = await runTool('tesseract', ['--list-langs'], START_LIMITS);
  if (result.kind !== 'done') return undefined;
  return new Set(result.output.toString().split('\n'));
}

async function isThere(command: string, args: readonly string[]): Promise<boolean> {
  return (await runTool(command, args, START_LIMITS)).kind === 'done';
}

/** How many pages a PDF has; `output` is the number. */
export async function countPages(path: string, options: ToolOptions): Promise<number | undefined> {
  const result = await runTool('pdfinfo', [path], options);
  if (result.kind !== 'done') return undefined;
  const pages = /^Pages:\s+(\d+)/m.exec(result.output.toString())?.[1];
  return pages === undefined ? undefined : Number(pages);
}

/** Draws a page and reads it; `output` is its text. */
export async function recognizePage(
  path: string,
  page: number,
  languages: string,
  options: ToolOptions,
): Promise<ToolResult> {
  const number = String(page);
  const drawn = await runTool(
    'pdftoppm',
    ['-f', number, '-l', number, '-scale-to', String(PAGE_PIXELS), '-gray', path],
    options,
  );
  if (drawn.kind !== 'done') return drawn;
  return await runTool('tesseract', ['stdin', 'stdout', '-l', languages], {
    ...options,
    input: drawn.output,
  });
}

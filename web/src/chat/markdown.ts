import MarkdownIt from 'markdown-it';
import { citationPlugin } from './citations.ts';
import type { CitationEnv } from './citations.ts';
import { highlight } from './highlight.ts';

/** What a rendering depends on, beside the text. */
export type RenderEnv = CitationEnv & {
  /** The word on the button of a block of code. */
  copyLabel: string;
  /** What a table is called to those who scroll it by the keyboard. */
  tableLabel: string;
};

const md = new MarkdownIt({ html: false, linkify: true, breaks: false });
md.linkify.set({ fuzzyLink: false, fuzzyEmail: false });
// A list after a paragraph comes as "text\n-" first, which would flash up as a heading.
md.disable('lheading');
md.use(citationPlugin);

const { escapeHtml } = md.utils;

md.renderer.rules.link_open = (tokens, i, options, _env, self) => {
  tokens[i]?.attrSet('target', '_blank');
  tokens[i]?.attrSet('rel', 'noopener noreferrer nofollow');
  return self.renderToken(tokens, i, options);
};
// A picture would be a request to a server of the model's choice, with who knows what in its address.
md.renderer.rules.image = (tokens, i) => {
  const source = String(tokens[i]?.attrGet('src') ?? '');
  const text = tokens[i]?.content || source;
  if (!/^https?:/i.test(source)) return escapeHtml(text);
  return `<a href="${escapeHtml(source)}" target="_blank" rel="noopener noreferrer nofollow">${escapeHtml(text)}</a>`;
};
md.renderer.rules.table_open = (_tokens, _i, _options, env) =>
  `<div class="scroll-x" role="region" tabindex="0" aria-label="${escapeHtml((env as RenderEnv).tableLabel)}"><table>`;
md.renderer.rules.table_close = () => '</table></div>';
md.renderer.rules.fence = (tokens, i, _options, env) => {
  const language = /^[\w+#.-]{1,30}/.exec(tokens[i]?.info.trim() ?? '')?.[0] ?? '';
  return renderCode(tokens[i]?.content ?? '', language, env as RenderEnv);
};
md.renderer.rules.code_block = (tokens, i, _options, env) =>
  renderCode(tokens[i]?.content ?? '', '', env as RenderEnv);

function renderCode(code: string, language: string, { copyLabel }: RenderEnv): string {
  const body = highlight(code, language.toLowerCase()) ?? escapeHtml(code);
  const name = escapeHtml(language);
  return `<div class="code"><div class="code-head"><span>${name}</span><button type="button" class="button quiet small" data-copy>${escapeHtml(copyLabel)}</button></div><pre tabindex="0"><code>${body}</code></pre></div>`;
}

/**
 * Renders Markdown to HTML, one string for each block of the text: while a text grows, the strings of the blocks before
 * its end stay the same, and so may what the page shows of them.
 *
 * The HTML has only what this renderer writes: marks of the text itself are escaped. It is sanitized nevertheless before
 * it is shown (sanitize.ts).
 */
export function renderBlocks(text: string, env: RenderEnv): string[] {
  const tokens = md.parse(text, env);
  const blocks: string[] = [];
  let from = 0;
  let depth = 0;
  tokens.forEach(({ nesting }, i) => {
    depth += nesting;
    if (depth > 0) return;
    blocks.push(md.renderer.render(tokens.slice(from, i + 1), md.options, env));
    from = i + 1;
  });
  return blocks;
}

/** Whether there is a block of code in the text, for which the highlighter is worth fetching. */
export function hasCode(text: string): boolean {
  return /^ {0,3}(?:```|~~~)/m.test(text);
}

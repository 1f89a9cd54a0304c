import type { MarkdownIt } from 'markdown-it';

/** A piece of text, or the numbers of sources that are cited at its place. */
export type CitedPart = string | number[];

const NUMBERS = '[0-9０-９]{1,3}(?: *[~～–-] *[0-9０-９]{1,3})?';
/** What the chat-worker's filter takes for a citation too (services/chat-worker/src/citations.ts). */
const CITATION = new RegExp(
  `\\[ *(${NUMBERS}(?: *[,，、;；] *${NUMBERS})*) *\\]|【 *(${NUMBERS}(?: *[,，、;；] *${NUMBERS})*) *】|［ *(${NUMBERS}(?: *[,，、;；] *${NUMBERS})*) *］`,
  'g',
);
/** A name in code before the bracket makes it an index: `x1[1]`, `args.items[1]`. */
const CODE_NAME = /(?:^|[^\w$.])(?:[A-Za-z]|[\w$.]*(?:[_$]|[a-z]\.[a-z]|[a-z][A-Z]|[A-Za-z]\d)[\w$.]*)$/;
const LONGEST_RANGE = 50;

/**
 * Finds the citations in a text: `[1]`, `[1, 2]`, `[1-3]`, `【1】`, `［１］`, as far as their numbers are those of sources.
 * Everything else stays text.
 */
export function splitCitations(text: string, isSource: (n: number) => boolean): CitedPart[] {
  const parts: CitedPart[] = [];
  let from = 0;
  for (const match of text.matchAll(CITATION)) {
    const numbers = readNumbers(match[1] ?? match[2] ?? match[3] ?? '').filter(isSource);
    const before = text.slice(from, match.index);
    if (numbers.length === 0 || CODE_NAME.test(before)) continue;
    // The button stands off from the text by its own margin.
    const shown = before.replace(/ $/, '');
    if (shown !== '') parts.push(shown);
    parts.push(numbers);
    from = match.index + match[0].length;
  }
  if (from < text.length) parts.push(text.slice(from));
  return parts;
}

function readNumbers(list: string): number[] {
  const numbers = list
    .normalize('NFKC')
    .split(/[,、;]/)
    .flatMap((item) => {
      const [first = 0, last = first] = item.split(/[~–-]/).map(Number);
      if (last < first || last - first > LONGEST_RANGE) return [first, last];
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });
  return [...new Set(numbers)];
}

/** What the plug-in needs to know of the sources, in the `env` of a rendering. */
export type CitationEnv = {
  isSource: (n: number) => boolean;
  /** For those who do not see the number: `Source 1: handbook.pdf`. */
  labelOf: (n: number) => string;
};

/** Makes citations in running text buttons, `<button data-source="n">`; in code and links there are none. */
export function citationPlugin(md: MarkdownIt): void {
  md.core.ruler.push('citation', (state) => {
    const { isSource } = state.env as CitationEnv;
    for (const block of state.tokens) {
      if (block.type !== 'inline' || !block.children) continue;
      let links = 0;
      block.children = block.children.flatMap((token) => {
        if (token.type === 'link_open') links += 1;
        if (token.type === 'link_close') links -= 1;
        if (token.type !== 'text' || links > 0) return [token];
        const parts = splitCitations(token.content, isSource);
        if (parts.every((part) => typeof part === 'string')) return [token];
        return parts.map((part) => {
          const piece = new state.Token(typeof part === 'string' ? 'text' : 'citation', '', 0);
          if (typeof part === 'string') piece.content = part;
          else piece.meta = { numbers: part };
          return piece;
        });
      });
    }
  });
  md.renderer.rules['citation'] = (tokens, i, _options, env) =>
    ((tokens[i]?.meta ?? { numbers: [] }) as { numbers: number[] }).numbers
      .map((n) => {
        const label = md.utils.escapeHtml((env as CitationEnv).labelOf(n));
        return `<button type="button" class="cite" data-source="${n}" aria-label="${label}" title="${label}">${n}</button>`;
      })
      .join('');
}

/** The numbers that a text cites. */
export function citedNumbers(text: string): Set<number> {
  return new Set(splitCitations(text, () => true).flatMap((part) => (typeof part === 'string' ? [] : part)));
}

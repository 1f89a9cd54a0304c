import type { ChatMessage } from './chat-request.ts';

/** A numbered source of the prompt. */
export interface Source {
  n: number;
  text: string;
}

/** What the chat worker writes: `<source n="1" title="file name" section="A &gt; B" page="3">\n…text…\n</source>`. */
const OPENING = '<source n="';
const AFTER_OPENING = /^(\d{1,6})"[^>]*>\n/;
const CLOSING = '\n</source>';

/** The sources in the system and user messages, in order. */
export function readSources(messages: readonly ChatMessage[]): Source[] {
  return messages
    .filter(({ role }) => role !== 'assistant')
    .flatMap(({ text }) => parseSources(text).sources);
}

/** The last user message without the sources in it; empty when there is none. */
export function readQuestion(messages: readonly ChatMessage[]): string {
  const text = messages.findLast(({ role }) => role === 'user')?.text ?? '';
  return parseSources(text).rest.trim();
}

function parseSources(text: string): { sources: Source[]; rest: string } {
  const [before = '', ...parts] = text.split(OPENING);
  const sources: Source[] = [];
  let rest = before;
  for (const part of parts) {
    const opening = AFTER_OPENING.exec(part);
    const end = part.indexOf(CLOSING);
    if (!opening || end < opening[0].length) {
      rest += OPENING + part;
      continue;
    }
    const quoted = part.slice(opening[0].length, end);
    sources.push({ n: Number(opening[1]), text: quoted.replace(/&lt;(?=\/?source)/gi, '<') });
    rest += part.slice(end + CLOSING.length);
  }
  return { sources, rest };
}

const HEADING_OR_FENCE = /^[ \t]*(?:#{1,6}[ \t].*|```.*|~~~.*)$/gm;
const SENTENCE_END =
  /[。！？；…]+[”’』」）》]{0,4}|[.!?]{1,4}["'”’)\]]{0,4}(?=\s)|\n[ \t]*\n|\n(?=[ \t]*(?:[-*+•|]|\d{1,3}[.)])[ \t])/g;
const ABBREVIATION =
  /(?:^|[\s("'])(?:\p{L}(?:\.\p{L})*|dr|mr|mrs|ms|prof|fig|no|vs|etc|inc|ltd|approx|st)\.$/iu;
const LONGEST_ABBREVIATION = 10;

/** The sentences of a text as they stand in it, without headings. */
export function splitSentences(text: string): string[] {
  const prose = text.replace(HEADING_OR_FENCE, '\n');
  const sentences: string[] = [];
  let start = 0;
  for (const { 0: mark, index } of prose.matchAll(SENTENCE_END)) {
    const end = index + mark.length;
    if (ABBREVIATION.test(prose.slice(Math.max(start, end - LONGEST_ABBREVIATION), end))) continue;
    sentences.push(prose.slice(start, end).trim());
    start = end;
  }
  sentences.push(prose.slice(start).trim());
  return sentences.filter((sentence) => /[\p{L}\p{N}]/u.test(sentence));
}

/** Whether the conversation says that a search for sources has found none; the chat worker's prompt begins so. */
export function foundNothing(messages: readonly ChatMessage[]): boolean {
  return messages.some(({ role, text }) => role === 'system' && text.startsWith('There are no sources'));
}

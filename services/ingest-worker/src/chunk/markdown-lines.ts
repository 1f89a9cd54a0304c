/** A longer `#` line is a paragraph: its title would be repeated in every chunk under it. */
const LONGEST_HEADING = 300;
const HEADING = /^(#{1,6})(?:[ \t]+(.*))?$/;

/** The level (1 to 6) and title of a heading line, which must begin with `#`; undefined for any other. */
export function parseHeading(line: string): { level: number; title: string } | undefined {
  if (line.length > LONGEST_HEADING) return undefined;
  const match = HEADING.exec(line);
  if (!match) return undefined;
  const title = (match[2] ?? '').trim().replace(/(?:^|[ \t])#+$/, '');
  return { level: match[1]?.length ?? 1, title: title.trim() };
}

/** The mark with which a line that begins with a backtick or tilde opens a fence; undefined when it opens none. */
export function readFenceMark(line: string): string | undefined {
  const length = countLeading(line, line.charCodeAt(0));
  if (length < 3) return undefined;
  return line.startsWith('`') && line.includes('`', length) ? undefined : line.slice(0, length);
}

/** Whether the line ends the fence that `mark` opened: the same character, at least as often, and nothing else. */
export function closesFence(line: string, mark: string): boolean {
  const length = countLeading(line, mark.charCodeAt(0));
  return length >= mark.length && line.slice(length).trim() === '';
}

function countLeading(line: string, code: number): number {
  let at = 0;
  while (line.charCodeAt(at) === code) at++;
  return at;
}

/** Whether the line is the `| --- | :-: |` row that makes a table of the line before it. */
export function isTableDelimiter(text: string, start: number, end: number): boolean {
  let hasPipe = false;
  let hasDash = false;
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x7c) hasPipe = true;
    else if (code === 0x2d) hasDash = true;
    else if (code !== 0x20 && code !== 0x3a && code !== 0x09) return false;
  }
  return hasPipe && hasDash;
}

import type { Group } from './configuration-groups.ts';
import { replaceGenerated } from './pages.ts';
import type { Variable } from './variables.ts';

type Reference = readonly { group: Group; variables: readonly Variable[] }[];

const WIDTH = 118;
const SERVICES = ['gateway', 'chat-worker', 'ingest-worker'];

/** Puts the tables between the marks of docs/configuration.md; what is around them is kept by hand. */
export function renderMarkdown(reference: Reference, page: string): string {
  const sections = reference.map(({ group, variables }) =>
    [
      `## ${group.title}\n`,
      ...(group.intro ? [`${linkPages(group.intro)}\n`] : []),
      '| variable | value | default | read by | |',
      '| --- | --- | --- | --- | --- |',
      ...variables.map(renderRow),
    ].join('\n'),
  );
  return replaceGenerated(page, sections);
}

function renderRow(variable: Variable): string {
  const cells = [
    `\`${variable.name}\``,
    variable.secret ? `${variable.type}; **secret**` : variable.type,
    renderDefault(variable),
    renderReaders(variable.readers),
    linkPages(variable.description),
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function renderDefault(variable: Variable): string {
  const standing =
    variable.default === undefined
      ? (variable.unset ?? (variable.isRequired ? '**required**' : 'none'))
      : `\`${variable.default}\`${nameBytes(variable)}`;
  return variable.npmStart ? `${standing}; \`npm start\`: ${variable.npmStart}` : standing;
}

/** ` (10 MiB)`, where the default is a number of bytes. */
function nameBytes({ name, default: value }: Variable): string {
  if (!name.endsWith('_BYTES')) return '';
  const mebibytes = Number(value) / 1024 ** 2;
  return mebibytes % 1024 === 0 ? ` (${mebibytes / 1024} GiB)` : ` (${mebibytes} MiB)`;
}

function renderReaders(readers: readonly string[]): string {
  if (SERVICES.every((service) => readers.includes(service))) return 'all services';
  return readers.join(', ');
}

/** Pages are named as from the root, which .env.example and the source are read from. */
function linkPages(text: string): string {
  return text.replace(/\bdocs\/([\w/.-]+\.md)/g, '[$1]($1)');
}

/** The text of .env.example. */
export function renderExample(reference: Reference): string {
  const head = comment(
    'Every variable that Sluice reads. Copy this file to .env and change what you need: `npm start` and `docker compose` both read it, and real environment variables win. An empty value counts as unset. Written by `npm run docs:config`; docs/configuration.md says more.',
  );
  const sections = reference.map(({ group, variables }) =>
    [
      comment(`--- ${group.title} ---`),
      ...(group.intro ? [comment(group.intro), ''] : []),
      ...variables.map(renderAssignment),
    ].join('\n'),
  );
  return `${[head, ...sections].join('\n\n')}\n`;
}

/** A value is shown where it holds in any case, so that uncommenting the file changes nothing. */
function renderAssignment(variable: Variable): string {
  const { name, description, npmStart } = variable;
  const value = npmStart === undefined ? (variable.default ?? '') : '';
  const standing = variable.default ? variable.default + nameBytes(variable) : (variable.unset ?? 'none');
  const fallback = npmStart === undefined ? standing : `${standing} (npm start: ${npmStart})`;
  return `${comment(`${description} Default: ${fallback}.`.replaceAll('`', ''))}\n#${name}=${value}`;
}

/** Breaks at spaces, so that lines stay readable; `# ` before each. */
function comment(text: string): string {
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!;
    if (line !== '' && line.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.map((line) => `# ${line}`).join('\n');
}

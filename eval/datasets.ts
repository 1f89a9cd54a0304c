import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A retrieval test set: passages, questions, and which passages answer which question. */
export interface Dataset {
  documents: { id: string; title: string; text: string }[];
  queries: { id: string; text: string }[];
  /** Query id -> document id -> how relevant it is, above 0. */
  relevant: Map<string, Map<string, number>>;
}

/** Long texts with questions, and where in them the answers are. Offsets are UTF-16 code units. */
export interface SpanDataset {
  documents: { id: string; text: string }[];
  questions: { documentId: string; text: string; spans: { start: number; end: number }[] }[];
}

/** The set that the project ships. */
const SHIPPED = join(import.meta.dirname, 'shipped');
const RETRIEVAL_SETS = ['xquad-en', 'xquad-zh', 'cmrc2018-dev', 'drcd-dev'];
const SPAN_SET = 'chunking-eval';

/** Names of all data sets, by what is measured with them. */
export const DATASETS = { retrieval: ['shipped', ...RETRIEVAL_SETS], chunking: [SPAN_SET] };

/**
 * Opens a data set in BEIR's layout (`corpus.jsonl`, `queries.jsonl`, `qrels.tsv`).
 *
 * @returns undefined when it is not there
 */
export function readDataset(name: string, root: string): Dataset | undefined {
  const folder = name === 'shipped' ? SHIPPED : join(root, name);
  if (!existsSync(join(folder, 'corpus.jsonl'))) return undefined;
  const relevant: Dataset['relevant'] = new Map();
  for (const line of readLines(join(folder, 'qrels.tsv')).slice(1)) {
    const [query = '', document = '', score] = line.split('\t');
    if (Number(score) <= 0) continue;
    relevant.set(query, (relevant.get(query) ?? new Map<string, number>()).set(document, Number(score)));
  }
  return {
    documents: readRecords<{ _id: string; title?: string; text: string }>(folder, 'corpus.jsonl').map(
      ({ _id, title, text }) => ({ id: _id, title: title ?? '', text }),
    ),
    queries: readRecords<{ _id: string; text: string }>(folder, 'queries.jsonl')
      .filter(({ _id }) => relevant.has(_id))
      .map(({ _id, text }) => ({ id: _id, text })),
    relevant,
  };
}

/**
 * Opens a data set of spans: `questions.jsonl`, whose `references` are code points of `<corpus>.md`.
 *
 * @returns undefined when it is not there
 */
export function readSpanDataset(name: string, root: string): SpanDataset | undefined {
  const folder = join(root, name);
  if (!existsSync(join(folder, 'questions.jsonl'))) return undefined;
  const questions = readRecords<{ corpus: string; question: string; references: [number, number][] }>(
    folder,
    'questions.jsonl',
  );
  const names = [...new Set(questions.map(({ corpus }) => corpus))];
  const texts = new Map(names.map((id) => [id, readFileSync(join(folder, `${id}.md`), 'utf8')]));
  const offsets = new Map([...texts].map(([id, text]) => [id, findCodePoints(text)]));
  return {
    documents: [...texts].map(([id, text]) => ({ id, text })),
    questions: questions.map(({ corpus, question, references }) => ({
      documentId: corpus,
      text: question,
      spans: references.map(([start, end]) => ({
        start: offsets.get(corpus)?.[start] ?? 0,
        end: offsets.get(corpus)?.[end] ?? 0,
      })),
    })),
  };
}

/** Where each code point begins, in UTF-16 code units, and where the last one ends. */
function findCodePoints(text: string): number[] {
  const offsets = [0];
  for (const character of text) offsets.push((offsets.at(-1) ?? 0) + character.length);
  return offsets;
}

function readRecords<T>(folder: string, file: string): T[] {
  return readLines(join(folder, file)).map((line) => JSON.parse(line) as T);
}

function readLines(path: string): string[] {
  return readFileSync(path, 'utf8').split(/\r?\n/).filter(Boolean);
}

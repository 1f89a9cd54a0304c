import type { Chunk } from '@sluice/shared/vector-store/port';
import type { ChunkOptions } from '../services/ingest-worker/src/chunk.ts';
import type { SpanDataset } from './datasets.ts';
import type { Measured } from './evaluate.ts';
import { indexTexts, RANKINGS, searchTexts } from './search-index.ts';
import type { SearchIndex } from './search-index.ts';

/** What the best chunks hold of the answers, when they may have so many characters together. */
const BUDGET = 2_500;

/** How well the answers are covered; each from 0 to 1, the mean over all questions. */
type Coverage = {
  /** Share of the answer's characters. */
  recall: number;
  /** Share of the answer's spans that are there from end to end. */
  covered: number;
};

type Span = Pick<Chunk, 'start' | 'end'>;

/** Indexes long texts, asks their questions, and measures how much of the answers the best chunks hold. */
export async function evaluateChunking(
  index: SearchIndex,
  { documents, questions }: SpanDataset,
  chunking: ChunkOptions,
): Promise<Measured> {
  const texts = documents.map((document) => ({ ...document, syntax: 'markdown' as const }));
  const chunks = await indexTexts(index, texts, chunking);
  const sums = { dense: noCoverage(), bm25: noCoverage(), hybrid: noCoverage() };
  const asked = questions.values();
  for await (const found of searchTexts(
    index,
    questions.map(({ text }) => text),
  )) {
    const question = asked.next().value;
    if (!question) break;
    for (const ranking of RANKINGS) {
      const passages = takeWithin(BUDGET, found[ranking]).filter(
        ({ documentId }) => documentId === question.documentId,
      );
      const { recall, covered } = measureCoverage(question.spans, passages);
      sums[ranking].recall += recall / questions.length;
      sums[ranking].covered += covered / questions.length;
    }
  }
  return { documents: documents.length, chunks, queries: questions.length, figures: sums };
}

function noCoverage(): Coverage {
  return { recall: 0, covered: 0 };
}

/** The best chunks that fit; one that is too long makes room for those after it. */
function takeWithin(budget: number, chunks: readonly Chunk[]): Chunk[] {
  let left = budget;
  return chunks.filter(({ text }) => {
    if (text.length > left) return false;
    left -= text.length;
    return true;
  });
}

/** How much of `spans` the passages hold together. */
export function measureCoverage(spans: readonly Span[], passages: readonly Span[]): Coverage {
  const joined = joinSpans(passages);
  let total = 0;
  let held = 0;
  let whole = 0;
  for (const span of spans) {
    const inside = joined.reduce(
      (sum, { start, end }) => sum + Math.max(0, Math.min(end, span.end) - Math.max(start, span.start)),
      0,
    );
    total += span.end - span.start;
    held += inside;
    if (inside === span.end - span.start) whole += 1;
  }
  return { recall: held / total, covered: whole / spans.length };
}

/** Spans that overlap or touch become one, so that nothing counts twice. */
function joinSpans(spans: readonly Span[]): Span[] {
  const joined: Span[] = [];
  for (const { start, end } of spans.toSorted((left, right) => left.start - right.start)) {
    const last = joined.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else joined.push({ start, end });
  }
  return joined;
}

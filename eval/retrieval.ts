import type { Dataset } from './datasets.ts';
import type { Measured } from './evaluate.ts';
import { judgeRankings } from './metrics.ts';
import type { Judged } from './metrics.ts';
import { indexTexts, RANKINGS, searchTexts } from './search-index.ts';
import type { Ranking, SearchIndex } from './search-index.ts';

/** The documents of these sets are passages already, and stay whole; how documents are cut is measured in `chunking.ts`. */
const WHOLE = { size: 20_000, overlap: 0 };

/** Indexes the documents of a data set, asks its questions, and judges where the right documents come. */
export async function evaluateRetrieval(
  index: SearchIndex,
  { documents, queries, relevant }: Dataset,
): Promise<Measured> {
  const texts = documents.map(({ id, title, text }) => ({
    id,
    text: [title, text].filter(Boolean).join('\n'),
    syntax: 'plain' as const,
  }));
  const chunks = await indexTexts(index, texts, WHOLE);
  const judged: Record<Ranking, Judged[]> = { dense: [], bm25: [], hybrid: [] };
  const queryIds = queries.values();
  for await (const found of searchTexts(
    index,
    queries.map(({ text }) => text),
  )) {
    const id = queryIds.next().value?.id ?? '';
    for (const ranking of RANKINGS) {
      const ids = new Set(found[ranking].map(({ documentId }) => documentId));
      judged[ranking].push({ ranking: [...ids], relevant: relevant.get(id) ?? new Map() });
    }
  }
  return {
    documents: documents.length,
    chunks,
    queries: queries.length,
    figures: {
      dense: judgeRankings(judged.dense),
      bm25: judgeRankings(judged.bm25),
      hybrid: judgeRankings(judged.hybrid),
    },
  };
}

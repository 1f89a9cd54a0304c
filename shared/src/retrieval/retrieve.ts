import { retrievalSeconds } from '../metrics/retrieval.ts';
import type { Source } from '../contracts/events.ts';
import type { RetrievalMode } from '../contracts/knowledge.ts';
import type { ModelClient } from '../model-client.ts';
import { inSpan } from '../tracing/spans.ts';
import type { TenantVectors, VectorStore } from '../vector-store/port.ts';
import { findCandidates } from './candidates.ts';
import type { Candidate, DocumentFilter, StageScores } from './candidates.ts';
import { dropNearDuplicates } from './near-duplicates.ts';
import { joinPassages, listNeighbours } from './passages.ts';
import type { Passage } from './passages.ts';
import type { Reranker } from './reranker.ts';
import { fitCandidates, fitNeighbours } from './token-budget.ts';

export const DEFAULT_TOP_K = 5;
/** Candidates that are reranked; what lies behind them stays behind. */
const RERANKED = 50;

/** What retrieval needs. */
export interface RetrievalDeps {
  store: VectorStore;
  model: Pick<ModelClient, 'embed'>;
  /** Absent where none is configured. */
  reranker: Reranker | undefined;
}

/** What to look for, and how. */
export interface RetrievalQuery extends DocumentFilter {
  text: string;
  /** Most chunks that are looked for; those that follow one another make one source. */
  topK: number;
  /** Least cosine similarity; what only the words found is dropped when it is set. */
  minScore?: number | undefined;
  /** `hybrid` unless given. */
  mode?: RetrievalMode | undefined;
  /** False leaves out the reranker. */
  rerank?: boolean | undefined;
  /** False leaves out the chunks around those that were found. */
  neighbours?: boolean | undefined;
  /** Most tokens of all sources together, roughly; no limit unless given. */
  tokenBudget?: number | undefined;
}

/** A source with the score of each stage, of the best chunk in it; a stage that did not find it has none. */
export type RetrievedSource = Source & { scores: StageScores };

/** What was found, and what was not taken. */
export interface Retrieval {
  /** Best first, numbered from 1. */
  sources: RetrievedSource[];
  /** Whether the order is the reranker's. */
  reranked: boolean;
  /** Chunks that were found and left out, by the reason. */
  dropped: { min_score: number; near_duplicate: number; token_budget: number };
}

/**
 * Finds the passages of a tenant's documents that fit a text: search by meaning and by words, fuse, filter, rerank, drop
 * near-duplicates, fit into the budget, join with the neighbours.
 *
 * @throws what `ModelClient.embed` and `TenantVectors.search` throw
 */
export function retrieve(
  deps: RetrievalDeps,
  tenant: string,
  query: RetrievalQuery,
  signal?: AbortSignal,
): Promise<Retrieval> {
  const attributes = {
    'gen_ai.operation.name': 'retrieval',
    'sluice.retrieval.mode': query.mode ?? 'hybrid',
  };
  return inSpan('retrieve', { attributes }, async (span) => {
    const retrieval = await findPassages(deps, tenant, query, signal);
    span.setAttributes({
      'sluice.retrieval.sources': retrieval.sources.length,
      'sluice.retrieval.reranked': retrieval.reranked,
    });
    return retrieval;
  });
}

async function findPassages(
  deps: RetrievalDeps,
  tenant: string,
  query: RetrievalQuery,
  signal: AbortSignal | undefined,
): Promise<Retrieval> {
  const stop = retrievalSeconds.startTimer();
  const { mode = 'hybrid', topK, tokenBudget = Infinity } = query;
  // Together: searches may move to another index at any time.
  const [vectors, space] = [deps.store.forTenant(tenant), deps.store.space];
  const found = await findCandidates({ vectors, space, model: deps.model }, { ...query, mode }, signal);
  const similar = found.filter(({ scores }) => isSimilar(scores, query.minScore));
  const reranker = query.rerank === false ? undefined : deps.reranker;
  const reranked = reranker && (await rerank(reranker, query.text, similar, signal));
  const distinct = dropNearDuplicates(reranked ?? similar, topK);
  const fitting = fitCandidates(distinct.kept, tokenBudget);
  const neighbours =
    query.neighbours === false ? [] : await readNeighbours(vectors, fitting.kept, fitting.left);
  stop();
  return {
    sources: joinPassages(fitting.kept, neighbours).map(toSource),
    reranked: reranked !== undefined,
    dropped: {
      min_score: found.length - similar.length,
      near_duplicate: distinct.dropped,
      token_budget: fitting.dropped,
    },
  };
}

function isSimilar({ dense }: StageScores, minScore: number | undefined): boolean {
  return minScore === undefined || (dense !== undefined && dense >= minScore);
}

/** @returns undefined when the reranker failed */
async function rerank(
  reranker: Reranker,
  query: string,
  candidates: readonly Candidate[],
  signal: AbortSignal | undefined,
): Promise<Candidate[] | undefined> {
  if (candidates.length === 0) return undefined;
  const texts = candidates.slice(0, RERANKED).map(({ hit }) => [...hit.headings, hit.text].join('\n'));
  const relevance = await inSpan('rerank', { attributes: { 'sluice.rerank.candidates': texts.length } }, () =>
    reranker.rank(query, texts, signal),
  );
  if (!relevance) return undefined;
  return candidates
    .map((candidate, i) => {
      const score = relevance.get(i);
      return score === undefined ? candidate : withRelevance(candidate, score);
    })
    .toSorted((left, right) => (right.scores.rerank ?? -Infinity) - (left.scores.rerank ?? -Infinity) || 0);
}

function withRelevance(candidate: Candidate, rerank: number): Candidate {
  return { ...candidate, scores: { ...candidate.scores, rerank } };
}

async function readNeighbours(vectors: TenantVectors, candidates: readonly Candidate[], budget: number) {
  // Even the shortest text is a token.
  if (budget < 1) return [];
  return fitNeighbours(candidates, await vectors.read(listNeighbours(candidates)), budget);
}

function toSource(
  { best: { hit, scores }, text, start, end, page, pageEnd }: Passage,
  i: number,
): RetrievedSource {
  return {
    n: i + 1,
    document_id: hit.documentId,
    filename: hit.filename,
    version: hit.version,
    chunk_index: hit.index,
    ...(page !== undefined && { page }),
    ...(pageEnd !== undefined && { page_end: pageEnd }),
    headings: hit.headings,
    start,
    end,
    score: scores.rerank ?? scores.fused,
    text,
    scores,
  };
}

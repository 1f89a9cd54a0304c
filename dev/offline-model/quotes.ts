import { tokenize } from '@sluice/shared/text/tokenize';
import { splitSentences, type Source } from './sources.ts';
import { isStopWord } from './stop-words.ts';

/** A sentence of a source. */
export interface Quote {
  n: number;
  sentence: string;
}

interface Candidate extends Quote {
  tokens: Set<string>;
  score: number;
}

const MOST_QUOTES = 3;
/** A sentence with less of the best one's score is not worth quoting. */
const LEAST_OF_BEST = 0.4;

/**
 * The sentences that share most with the question, best first, at most three and none twice. A word counts the more the
 * fewer sentences have it (the idf of BM25), and the less the longer the sentence is. Empty when nothing is shared.
 */
export function findQuotes(question: string, sources: readonly Source[]): Quote[] {
  const ranked = rankSentences(readAsked(question), sources);
  const least = (ranked[0]?.score ?? 0) * LEAST_OF_BEST;
  const quotes: Quote[] = [];
  for (const candidate of ranked) {
    if (quotes.length === MOST_QUOTES || candidate.score < least) break;
    if (quotes.some(({ sentence }) => sentence.includes(candidate.sentence))) continue;
    const { n, sentence } = findWhole(candidate, ranked);
    quotes.push({ n, sentence });
  }
  return quotes;
}

function rankSentences(asked: ReadonlySet<string>, sources: readonly Source[]): Candidate[] {
  const candidates = sources.flatMap(({ n, text }) =>
    splitSentences(text).map((sentence) => ({ n, sentence, tokens: new Set(tokenize(sentence)), score: 0 })),
  );
  const holders = new Map<string, number>();
  for (const { tokens } of candidates) {
    for (const token of tokens) if (asked.has(token)) holders.set(token, (holders.get(token) ?? 0) + 1);
  }
  for (const candidate of candidates) {
    for (const token of candidate.tokens) {
      const held = holders.get(token);
      if (held !== undefined)
        candidate.score += Math.log(1 + (candidates.length - held + 0.5) / (held + 0.5));
    }
    candidate.score /= Math.sqrt(8 + candidate.tokens.size);
  }
  return candidates.filter(({ score }) => score > 0).sort((a, b) => b.score - a.score);
}

/** Chunks overlap and may begin or end within a sentence: the longest candidate that has the same words. */
function findWhole(part: Candidate, candidates: readonly Candidate[]): Candidate {
  let whole = part;
  for (const candidate of candidates) {
    const isLonger = candidate.sentence.length > whole.sentence.length;
    if (isLonger && candidate.sentence.includes(part.sentence)) whole = candidate;
  }
  return whole;
}

function readAsked(question: string): Set<string> {
  const tokens = new Set(tokenize(question));
  const telling = [...tokens].filter((token) => !isStopWord(token));
  return telling.length > 0 ? new Set(telling) : tokens;
}

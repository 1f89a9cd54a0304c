import { estimateTokens } from '../text/estimate-tokens.ts';
import type { Chunk } from '../vector-store/port.ts';
import type { Candidate } from './candidates.ts';

/**
 * The candidates, in their order, whose texts fit into a budget of tokens; the first is cut where it alone is too long.
 *
 * @returns what is left of the budget, and how many candidates had no room
 */
export function fitCandidates(
  candidates: readonly Candidate[],
  budget: number,
): { kept: Candidate[]; left: number; dropped: number } {
  const kept: Candidate[] = [];
  let left = budget;
  for (const candidate of candidates) {
    const tokens = estimateTokens(candidate.hit.text);
    if (tokens > left && kept.length > 0) break;
    kept.push(tokens > left ? cut(candidate, left / tokens) : candidate);
    left = Math.max(0, left - tokens);
  }
  return { kept, left, dropped: candidates.length - kept.length };
}

/** The neighbours that fit into what is left, those of better candidates first. */
export function fitNeighbours(
  candidates: readonly Candidate[],
  neighbours: readonly Chunk[],
  budget: number,
): Chunk[] {
  let left = budget;
  const rankOf = (chunk: Chunk) => candidates.findIndex(({ hit }) => isBeside(hit, chunk));
  return neighbours
    .map((chunk) => ({ chunk, rank: rankOf(chunk) }))
    .toSorted((a, b) => a.rank - b.rank || a.chunk.index - b.chunk.index)
    .filter(({ chunk }) => {
      const tokens = estimateTokens(chunk.text);
      if (tokens > left) return false;
      left -= tokens;
      return true;
    })
    .map(({ chunk }) => chunk);
}

function isBeside(hit: Chunk, chunk: Chunk): boolean {
  const isSameVersion = hit.documentId === chunk.documentId && hit.version === chunk.version;
  return isSameVersion && Math.abs(hit.index - chunk.index) === 1;
}

/** The beginning of a candidate, never half a surrogate pair. */
function cut(candidate: Candidate, share: number): Candidate {
  const { hit } = candidate;
  const text = hit.text
    .slice(0, Math.max(1, Math.floor(hit.text.length * share)))
    .replace(/[\ud800-\udbff]$/, '');
  return { ...candidate, hit: { ...hit, text, end: hit.start + text.length } };
}

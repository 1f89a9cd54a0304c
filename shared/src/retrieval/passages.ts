import type { Chunk, ChunkRef } from '../vector-store/port.ts';
import type { Candidate } from './candidates.ts';

/** One stretch of a document's text, `text === documentText.slice(start, end)`, with the best candidate in it. */
export interface Passage extends Pick<Chunk, 'text' | 'start' | 'end' | 'page' | 'pageEnd'> {
  best: Candidate;
}

/** Addresses of the chunks before and after the candidates, without the candidates themselves; at most two each. */
export function listNeighbours(candidates: readonly Candidate[]): ChunkRef[] {
  const found = new Set(candidates.map(({ hit }) => addressOf(hit)));
  const refs = new Map<string, ChunkRef>();
  for (const { hit } of candidates) {
    for (const index of [hit.index - 1, hit.index + 1]) {
      const ref = { documentId: hit.documentId, version: hit.version, index };
      if (index >= 0 && !found.has(addressOf(ref))) refs.set(addressOf(ref), ref);
    }
  }
  return [...refs.values()];
}

/**
 * Joins candidates and their neighbours where they follow one another in one section, by their offsets: what two of them
 * share is there once, and the white space between them is the document's own. Best candidate first. A neighbour that
 * joins with no candidate is left out.
 */
export function joinPassages(candidates: readonly Candidate[], neighbours: readonly Chunk[]): Passage[] {
  const rank = new Map(candidates.map((candidate, i) => [addressOf(candidate.hit), { candidate, i }]));
  const chunks = [...candidates.map(({ hit }) => hit), ...neighbours].toSorted(byPlace);
  const runs: Chunk[][] = [];
  for (const chunk of chunks) {
    const run = runs.at(-1);
    const before = run?.at(-1);
    if (run && before && follows(before, chunk)) run.push(chunk);
    else runs.push([chunk]);
  }
  return runs
    .map((run) => ({ run, hits: run.flatMap((chunk) => rank.get(addressOf(chunk)) ?? []) }))
    .filter(({ hits }) => hits.length > 0)
    .map(({ run, hits }) => ({ run, best: hits.reduce((a, b) => (a.i < b.i ? a : b)) }))
    .toSorted((left, right) => left.best.i - right.best.i)
    .map(({ run, best }) => ({ best: best.candidate, ...join(run) }));
}

/** Whether a chunk goes on where another ends, so that the text of both is known without a hole. */
function follows(before: Chunk, after: Chunk): boolean {
  if (before.documentId !== after.documentId || before.version !== after.version) return false;
  if (after.index !== before.index + 1 || !isSamePath(before.headings, after.headings)) return false;
  return after.start <= before.end || after.gap?.length === after.start - before.end;
}

function join(run: readonly Chunk[]): Omit<Passage, 'best'> {
  const [first] = run as [Chunk];
  let { text, end, pageEnd } = first;
  for (const chunk of run.slice(1)) {
    if (chunk.end <= end) continue;
    text += chunk.start > end ? `${chunk.gap}${chunk.text}` : chunk.text.slice(end - chunk.start);
    ({ end, pageEnd = pageEnd } = chunk);
  }
  return {
    text,
    start: first.start,
    end,
    ...(first.page !== undefined && { page: first.page }),
    ...(pageEnd !== undefined && { pageEnd }),
  };
}

function addressOf({ documentId, version, index }: ChunkRef): string {
  return JSON.stringify([documentId, version, index]);
}

function byPlace(left: Chunk, right: Chunk): number {
  if (left.documentId !== right.documentId) return left.documentId < right.documentId ? -1 : 1;
  return left.version - right.version || left.index - right.index;
}

function isSamePath(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((heading, i) => heading === right[i]);
}

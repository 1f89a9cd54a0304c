import { tokenize } from '../text/tokenize.ts';
import type { Candidate } from './candidates.ts';

/** Tokens of a shingle. */
const SHINGLE = 3;
/** Jaccard similarity from which two passages say the same. */
const SAME = 0.9;

/**
 * Leaves out what says nearly the same as a better candidate, and stops at `most`. Alike are passages whose shingles of
 * the shared tokenizer's tokens (Broder, "On the resemblance and containment of documents", 1997), headings included,
 * overlap by nine tenths, and whose numbers are the same: two years' reports may differ in nothing else.
 *
 * @returns the kept ones in their order, and how many were left out before the last of them
 */
export function dropNearDuplicates(
  candidates: readonly Candidate[],
  most: number,
): { kept: Candidate[]; dropped: number } {
  const kept: Candidate[] = [];
  const prints: Print[] = [];
  let dropped = 0;
  for (const candidate of candidates) {
    if (kept.length === most) break;
    const print = takePrint(candidate);
    if (prints.some((other) => isSame(print, other))) {
      dropped += 1;
      continue;
    }
    kept.push(candidate);
    prints.push(print);
  }
  return { kept, dropped };
}

interface Print {
  shingles: ReadonlySet<string>;
  /** In the order of the text. */
  numbers: string;
}

function takePrint({ hit }: Candidate): Print {
  const tokens = tokenize([...hit.headings, hit.text].join('\n'));
  const shingles = new Set<string>();
  for (let at = 0; at <= Math.max(0, tokens.length - SHINGLE); at++)
    shingles.add(tokens.slice(at, at + SHINGLE).join(' '));
  return { shingles, numbers: tokens.filter((token) => /\p{N}/u.test(token)).join(' ') };
}

function isSame(left: Print, right: Print): boolean {
  const [few, many] = [left.shingles, right.shingles].toSorted((a, b) => a.size - b.size) as [
    ReadonlySet<string>,
    ReadonlySet<string>,
  ];
  if (left.numbers !== right.numbers || few.size < many.size * SAME) return false;
  let shared = 0;
  for (const shingle of few) if (many.has(shingle)) shared += 1;
  return shared >= (few.size + many.size - shared) * SAME;
}

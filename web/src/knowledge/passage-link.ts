import type { LocationQuery, LocationQueryRaw } from 'vue-router';
import type { Source } from '@sluice/client';
import type { Passage } from '../components/passage.ts';

/** A passage as part of an address, so that it can be opened in another tab, sent to somebody, and left by "back". */
export function toPassageQuery(
  source: Pick<Source, 'document_id' | 'version' | 'start' | 'end'>,
): LocationQueryRaw {
  const { document_id, version, start, end } = source;
  return { document: document_id, version: String(version), span: `${start}-${end}` };
}

/** A document from its beginning. */
export function toDocumentQuery(documentId: string): LocationQueryRaw {
  return { document: documentId, version: undefined, span: undefined };
}

/** The address without the passage. */
export function withoutPassage({
  document: _d,
  version: _v,
  span: _s,
  ...rest
}: LocationQuery): LocationQueryRaw {
  return rest;
}

/** What an address says; undefined where it names no document. What is not a number in it counts as not there. */
export function fromQuery({ document, version, span }: LocationQuery): Passage | undefined {
  if (typeof document !== 'string' || document === '') return undefined;
  const numbers = /^(\d{1,9})-(\d{1,9})$/.exec(typeof span === 'string' ? span : '');
  const [start, end] = [Number(numbers?.[1]), Number(numbers?.[2])];
  const isSpan = numbers !== null && start < end;
  return {
    documentId: document,
    ...(typeof version === 'string' && /^\d{1,9}$/.test(version) && { version: Number(version) }),
    ...(isSpan && { start, end }),
  };
}

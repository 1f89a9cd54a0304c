import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Checkpoint } from '@sluice/shared/documents';
import type { TenantVectors } from '@sluice/shared/vector-store/port';
import type { VectorSpace } from '@sluice/shared/vector-store/names';
import { isSameSpace } from '@sluice/shared/vector-store/spaces';
import type { ModelClient } from '@sluice/shared/model-client';
import { readChunks } from './chunk.ts';
import type { ChunkOptions, TextChunk } from './chunk.ts';
import { embedChunks } from './embed.ts';
import type { ChunkOwner } from './embed.ts';
import type { ExtractedDocument } from './extract/document.ts';
import { openStage } from './stage.ts';

/** What the chunks of a document become, and who is told. */
export interface ChunkIndexing {
  document: ExtractedDocument;
  chunking: ChunkOptions;
  owner: ChunkOwner;
  vectors: TenantVectors;
  /** That the vectors are of. */
  space: VectorSpace;
  model: Pick<ModelClient, 'embed'>;
  /** How far the attempt before had come. */
  checkpoint: Checkpoint | undefined;
  /** Told after each batch that is stored; undefined: nothing that is stored counts any more. */
  save: (checkpoint: Checkpoint | undefined) => Promise<void>;
  /** @param total estimated from the text that is done; exact at the end */
  report: (done: number, total: number) => void;
  signal: AbortSignal;
}

/**
 * Chunks, embeds and stores a document as one stream of batches: a few are in memory at a time, however long it is. Begins
 * where the checkpoint says, when the chunks up to there are still the same.
 *
 * @returns how many chunks the document has
 * @throws {Error} when what is stored is not these chunks; it is deleted then, for the next attempt to begin anew
 */
export async function indexChunks(indexing: ChunkIndexing): Promise<number> {
  const { document, owner, vectors, space, model, save, report, signal } = indexing;
  const { documentId, version } = owner;
  const { trail, chunks } = await findStart(indexing);
  const tell = () =>
    report(
      trail.chunks,
      Math.max(trail.chunks, Math.ceil((trail.chunks * document.text.length) / trail.end)),
    );
  if (trail.chunks > 0) tell();
  using chunking = openStage('chunk');
  using embedding = openStage('embed');
  using storing = openStage('upsert');
  const embedder: typeof model = {
    embed: (...texts) => embedding.run(() => model.embed(...texts)),
  };
  for await (const points of embedChunks(embedder, owner, chunking.iterate(chunks), signal)) {
    await storing.run(() => vectors.upsert(points));
    points.forEach((point) => trail.add(point));
    await save({ version, space, chunks: trail.chunks, digest: trail.digest() });
    tell();
    signal.throwIfAborted();
  }
  report(trail.chunks, trail.chunks);
  if ((await vectors.count(documentId, version)) !== trail.chunks) {
    await save(undefined);
    await vectors.deleteDocument(documentId, version);
    throw new Error('the vector store does not hold the chunks that were stored');
  }
  return trail.chunks;
}

/** Chunking is deterministic: what was stored is skipped by chunking again, if it is the same up to there. */
async function findStart({ document, chunking, owner, vectors, space, checkpoint }: ChunkIndexing) {
  const start = { trail: new Trail(), chunks: readChunks(document, chunking) };
  if (checkpoint?.version !== owner.version || !isSameSpace(checkpoint.space, space)) return start;
  while (start.trail.chunks < checkpoint.chunks) {
    const next = start.chunks.next();
    if (next.done) break;
    start.trail.add(next.value);
    if (start.trail.chunks % 64 === 0) await nextTurn();
  }
  const isSame = start.trail.chunks === checkpoint.chunks && start.trail.digest() === checkpoint.digest;
  if (isSame) return start;
  // What is stored is of other chunks, some of which would stay.
  await vectors.deleteDocument(owner.documentId, owner.version);
  return { trail: new Trail(), chunks: readChunks(document, chunking) };
}

/** The chunks so far, as one digest: other text, other settings and another version of the splitter show in it. */
class Trail {
  readonly #hash = createHash('sha256');
  chunks = 0;
  /** Where the last one ends. */
  end = 0;

  add({ text, start, end, gap, page, pageEnd, headings }: Omit<TextChunk, 'index'>): void {
    this.#hash.update(JSON.stringify([start, end, gap, page, pageEnd, headings, text]));
    this.chunks += 1;
    this.end = end;
  }

  digest(): string {
    return this.#hash.copy().digest('hex');
  }
}

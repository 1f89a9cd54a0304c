import { createHash } from 'node:crypto';
import { blobKeys } from '@sluice/shared/blob-store';
import type { BlobStore } from '@sluice/shared/blob-store';
import type { JobData } from '@sluice/shared/contracts/jobs';
import { z } from 'zod';
import type { ExtractedDocument } from './extract/document.ts';
import type { Extractor } from './extract/pool.ts';

/** What is kept beside the text; written after it, so that where it is, the text is whole. */
const keptSchema = z.object({
  text_sha256: z.string(),
  syntax: z.enum(['markdown', 'records', 'plain']),
  pages: z.array(z.object({ page: z.int(), start: z.int(), end: z.int() })),
  page_count: z.int().optional(),
  encoding: z.string().optional(),
});

/** Extracts a document and keeps the result, or takes what an earlier attempt has kept. */
export async function extractOnce(
  { blobs, extractor }: { blobs: BlobStore; extractor: Extractor },
  job: JobData<'ingest'>,
  attempt: number,
  signal: AbortSignal,
): Promise<ExtractedDocument> {
  const kept = attempt === 1 ? undefined : await readKept(blobs, job);
  if (kept) return kept;
  const document = await blobs.withLocalFile(job.blob_key, (path) =>
    extractor.extract(path, job.type, { signal }),
  );
  await keep(blobs, job, document);
  return document;
}

async function keep(
  blobs: BlobStore,
  { tenant, document_id, version }: JobData<'ingest'>,
  { text, syntax, pages, pageCount, encoding }: ExtractedDocument,
): Promise<void> {
  await blobs.putText(blobKeys.text(tenant, document_id, version), text);
  const kept: z.input<typeof keptSchema> = {
    text_sha256: sha256(text),
    syntax,
    pages,
    ...(pageCount !== undefined && { page_count: pageCount }),
    ...(encoding !== undefined && { encoding }),
  };
  await blobs.putText(blobKeys.structure(tenant, document_id, version), JSON.stringify(kept));
}

/** Undefined when nothing whole is there: the attempt that was to keep it may have died meanwhile. */
async function readKept(
  blobs: BlobStore,
  { tenant, document_id, version }: JobData<'ingest'>,
): Promise<ExtractedDocument | undefined> {
  try {
    const structure = await blobs.getText(blobKeys.structure(tenant, document_id, version));
    const { text_sha256, page_count, encoding, ...kept } = keptSchema.parse(JSON.parse(structure));
    const text = await blobs.getText(blobKeys.text(tenant, document_id, version));
    if (sha256(text) !== text_sha256) return undefined;
    return {
      ...kept,
      text,
      ...(page_count !== undefined && { pageCount: page_count }),
      ...(encoding !== undefined && { encoding }),
    };
  } catch {
    return undefined;
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

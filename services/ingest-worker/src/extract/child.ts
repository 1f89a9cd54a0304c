import { once } from 'node:events';
import { DocumentError } from '@sluice/shared/errors';
import type { DocumentType } from '@sluice/shared/contracts/knowledge';
import { closeNetwork } from './close-network.ts';
import type { ExtractedDocument } from './document.ts';
import type { ChildMessage, ExtractionOutcome, ExtractionReply, ExtractionTask } from './protocol.ts';
import { watchParent } from './watch-parent.ts';

closeNetwork();
watchParent();
process.on('message', (task: ExtractionTask) => void answer(task));
process.on('disconnect', () => process.exit());
// Ctrl-C reaches the whole process group; the parent drains and ends its children itself.
process.on('SIGINT', () => undefined);
process.send?.({ kind: 'ready' } satisfies ChildMessage);

async function answer(task: ExtractionTask): Promise<void> {
  const bytes = await receiveDocument(task.size);
  const start = performance.now();
  const outcome = await runTask(task.type, bytes);
  const reply: ExtractionReply = {
    kind: 'reply',
    outcome,
    elapsedMs: performance.now() - start,
    rss: process.memoryUsage.rss(),
    peakRss: process.resourceUsage().maxRSS * 1024,
  };
  process.send?.(reply);
}

/** Reads exactly the bytes of one document, into memory of their own as pdf.js wants them. */
async function receiveDocument(size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  let filled = 0;
  while (filled < size) {
    const chunk = process.stdin.read() as Buffer | null;
    if (chunk) {
      bytes.set(chunk, filled);
      filled += chunk.length;
    } else {
      await once(process.stdin, 'readable');
    }
  }
  return bytes;
}

async function runTask(type: DocumentType, bytes: Uint8Array): Promise<ExtractionOutcome> {
  try {
    return { kind: 'done', document: await extract(type, bytes) };
  } catch (error) {
    if (error instanceof DocumentError) return refuse(error);
    return {
      kind: 'internal',
      message: error instanceof Error ? (error.stack ?? error.message) : String(error),
    };
  }
}

/** Parsers are loaded for the first document of their type: pdf.js alone is 1.7 MB of script. */
async function extract(type: DocumentType, bytes: Uint8Array): Promise<ExtractedDocument> {
  switch (type) {
    case 'pdf':
      return await (await import('./pdf.ts')).extractPdf(bytes);
    case 'docx':
      return await (await import('./docx.ts')).extractDocx(bytes);
    case 'pptx':
      return await (await import('./pptx.ts')).extractPptx(bytes);
    case 'xlsx':
      return await (await import('./xlsx.ts')).extractXlsx(bytes);
    case 'epub':
      return await (await import('./epub.ts')).extractEpub(bytes);
    case 'html':
      return (await import('./html.ts')).extractHtml(bytes);
    case 'csv':
      return (await import('./csv.ts')).extractCsv(bytes);
    case 'markdown':
      return (await import('./text.ts')).extractText(bytes, 'markdown');
    case 'text':
      return (await import('./text.ts')).extractText(bytes, 'plain');
  }
}

function refuse(error: DocumentError): ExtractionOutcome {
  const cause = error.cause instanceof Error ? `${error.cause.name}: ${error.cause.message}` : undefined;
  return { kind: 'refused', code: error.code, message: error.message, ...(cause ? { cause } : {}) };
}

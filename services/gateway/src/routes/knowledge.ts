import { Router } from 'express';
import type { Request, Response } from 'express';
import { blobKeys } from '@sluice/shared/blob-store';
import { knownHashSchema, lookupSchema } from '@sluice/shared/contracts/batches';
import {
  documentChangeSchema,
  documentTextSchema,
  listDocumentsSchema,
  searchRequestSchema,
} from '@sluice/shared/contracts/knowledge';
import type { KnowledgeSettings } from '@sluice/shared/contracts/knowledge';
import { TYPE_BY_ENDING } from '@sluice/shared/document-type';
import { RequestError } from '@sluice/shared/errors';
import { indexProgressKey } from '@sluice/shared/redis/keys';
import { retrieve } from '@sluice/shared/retrieval/retrieve';
import type { GatewayDeps } from '../context.ts';
import { documentLog } from '../document-log.ts';
import { envelope } from '../envelope.ts';
import { resumeLog } from '../follow.ts';
import { tenantOf } from '../middleware/request-context.ts';
import { createFileReceiver, MAX_FILES } from '../receive-files.ts';
import { renderDocumentEntry } from '../renderers/native.ts';
import { clientGone } from '../sse.ts';
import { deleteNewest, describeDocument, reingest } from '../uploads.ts';
import { checkId, parseInput } from '../validate.ts';
import { batchRoutes } from './batches.ts';
import { collectionRoutes } from './collections.ts';
import { answerUpload, uploaderOf } from './upload.ts';

/** `/api/knowledge`: upload, registry, progress, search. */
export function knowledgeRoutes(deps: GatewayDeps): Router {
  const router = Router();
  router.param('id', checkId('doc_'));
  const receiveFiles = createFileReceiver({
    dir: deps.settings.uploadDir,
    maxBytes: deps.settings.uploadMaxBytes,
  });
  const documentOf = (request: Request<{ id: string }>, response: Response) =>
    deps.documents.get(tenantOf(response), request.params.id);

  router.post('/upload', async (request, response) => {
    const files = await receiveFiles(request, response);
    await answerUpload(deps, request, response, files);
  });

  router.get('/documents', async (request, response) => {
    const options = parseInput(listDocumentsSchema, request.query);
    response.json(envelope(await deps.documents.list(tenantOf(response), options)));
  });

  router.get('/documents/:id', async (request, response) => {
    response.json(envelope(await documentOf(request, response)));
  });

  router.patch('/documents/:id', async (request, response) => {
    const { metadata } = parseInput(documentChangeSchema, request.body);
    const document = await documentOf(request, response);
    response.json(envelope(await describeDocument(deps, document, metadata)));
  });

  router.post('/documents/:id/reingest', async (request, response) => {
    const document = await documentOf(request, response);
    if (document.status === 'queued' || document.status === 'processing')
      throw new RequestError(409, 'not_settled', `${document.id} is still ${document.status}.`);
    const again = await reingest(deps, uploaderOf(request, response), document);
    response.status(202).json(envelope(again, 202));
  });

  router.delete('/documents/:id', async (request, response) => {
    await deleteNewest(deps, tenantOf(response), request.params.id);
    response.json(envelope({ id: request.params.id, deleted: true }));
  });

  router.get('/documents/:id/text', async (request, response) => {
    const { version } = parseInput(documentTextSchema, request.query);
    const { tenant, id, indexed_version, status } = await documentOf(request, response);
    if (indexed_version === undefined)
      throw new RequestError(
        409,
        'not_ready',
        `The text of ${id} is there once it is ready; now it is ${status}.`,
      );
    if (version !== undefined && version !== indexed_version)
      throw new RequestError(
        410,
        'version_gone',
        `Version ${version} of ${id} is not the one that is searched, which is ${indexed_version}: offsets of one do not fit the other.`,
      );
    response.type('text/plain').send(await deps.blobs.getText(blobKeys.text(tenant, id, indexed_version)));
  });

  router.get('/documents/:id/events', async (request, response) => {
    const { jobId } = await documentLog(deps, await documentOf(request, response));
    await resumeLog(deps, request, response, jobId, 'document', renderDocumentEntry);
  });

  router.get('/settings', (_request, response) => {
    const { uploadMaxBytes, form, zip } = deps.settings;
    const settings: KnowledgeSettings = {
      endings: TYPE_BY_ENDING,
      file_bytes: uploadMaxBytes,
      upload_files: MAX_FILES,
      batch_upload_files: form.files,
      archive_bytes: form.archiveBytes,
      archive_unpacked_bytes: zip.inflatedBytes,
      archive_entries: zip.entries,
      rerank: deps.reranker !== undefined,
    };
    response.json(envelope(settings));
  });

  router.get('/index', async (_request, response) => {
    const [{ serving, building }, progress] = await Promise.all([
      deps.spaces.read(deps.store.space),
      deps.commands.hgetall(indexProgressKey),
    ]);
    const [done, total] = [Number(progress['done'] ?? 0), Number(progress['total'] ?? 0)];
    response.json(envelope({ serving, ...(building && { building: { ...building, done, total } }) }));
  });

  router.use('/collections', collectionRoutes(deps));
  router.use('/batches', batchRoutes(deps));

  router.post('/lookup', async (request, response) => {
    const { collection, hashes } = parseInput(lookupSchema, request.body);
    const tenant = tenantOf(response);
    const found = await Promise.all(
      hashes.map((hash) => deps.documents.findByHash(tenant, collection, hash)),
    );
    const documents = found
      .filter((document) => document !== undefined)
      .map((document) => knownHashSchema.parse(document));
    response.json(envelope({ documents }));
  });

  router.post('/search', async (request, response) => {
    const { query: text, top_k, min_score, ...options } = parseInput(searchRequestSchema, request.body);
    if (options.rerank && !deps.reranker)
      throw new RequestError(
        400,
        'no_reranker',
        'No reranker is configured: set RERANK_URL, or leave out rerank.',
      );
    const query = { text, topK: top_k, minScore: min_score, ...options };
    const { sources, ...found } = await retrieve(deps, tenantOf(response), query, clientGone(response));
    response.json(envelope({ results: sources, ...found }));
  });

  return router;
}

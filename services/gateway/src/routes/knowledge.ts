import { Router } from 'express';
import type { Request, Response } from 'express';
import { blobKeys } from '@sluice/shared/blob-store';
import { listDocumentsSchema, searchRequestSchema } from '@sluice/shared/contracts/knowledge';
import { RequestError } from '@sluice/shared/errors';
import { retrieve } from '@sluice/shared/retrieve';
import type { GatewayDeps } from '../context.ts';
import { envelope } from '../envelope.ts';
import { resumeLog } from '../follow.ts';
import { tenantOf } from '../middleware/request-context.ts';
import { createFileReceiver } from '../receive-files.ts';
import { renderDocumentEntry } from '../renderers/native.ts';
import { clientGone } from '../sse.ts';
import { deleteDocument } from '../uploads.ts';
import { checkId, parseInput } from '../validate.ts';
import { answerUpload } from './upload.ts';

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
    const { limit, cursor } = parseInput(listDocumentsSchema, request.query);
    response.json(
      envelope(
        await deps.documents.list(tenantOf(response), { limit, ...(cursor !== undefined && { cursor }) }),
      ),
    );
  });

  router.get('/documents/:id', async (request, response) => {
    response.json(envelope(await documentOf(request, response)));
  });

  router.delete('/documents/:id', async (request, response) => {
    const document = await documentOf(request, response);
    await deleteDocument(deps, document);
    response.json(envelope({ id: document.id, deleted: true }));
  });

  router.get('/documents/:id/text', async (request, response) => {
    const { tenant, id, version, status } = await documentOf(request, response);
    if (status !== 'ready')
      throw new RequestError(
        409,
        'not_ready',
        `The text of ${id} is there once it is ready; now it is ${status}.`,
      );
    response.type('text/plain').send(await deps.blobs.getText(blobKeys.text(tenant, id, version)));
  });

  router.get('/documents/:id/events', (request, response) =>
    resumeLog(deps, request, response, renderDocumentEntry),
  );

  router.post('/search', async (request, response) => {
    const { query, top_k, min_score, documents } = parseInput(searchRequestSchema, request.body);
    const results = await retrieve(
      deps,
      tenantOf(response),
      { text: query, topK: top_k, minScore: min_score, documents },
      clientGone(response),
    );
    response.json(envelope({ results }));
  });

  return router;
}

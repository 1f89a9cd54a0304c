import { z } from 'zod';
import type { ZodOpenApiOperationObject, ZodOpenApiPathsObject } from 'zod-openapi';
import {
  addedFilesSchema,
  batchFieldsSchema,
  batchItemSchema,
  batchItemStatusSchema,
  batchSchema,
  createBatchSchema,
  knownHashSchema,
  lookupSchema,
} from '@sluice/shared/contracts/batches';
import { envelopeOf, eventStream, idParameter, json, problem, problems } from './openapi-parts.ts';

const Batch = batchSchema.meta({ id: 'Batch' });
const AddedFiles = addedFilesSchema.extend({ batch: Batch });
const notFound = { '404': problem('Nothing is known under this id, or no longer') };
const closed = { '409': problem('`batch_closed`, or `batch_ended`') };
const files = z.array(z.string().meta({ format: 'binary' })).meta({
  description: 'Files, with their paths as names where they have one, and zip archives, which are unpacked',
});
const uploadProblems = {
  '408': problem('`upload_timeout`: it took longer than `UPLOAD_TIMEOUT_SECONDS`; what came is kept'),
  '413': problem('`too_many_files`: more than `UPLOAD_MAX_FILES`; those before are kept'),
};

/** Of answers to a form. */
const createdByForm = {
  Location: {
    description: 'Address of the batch that the form created',
    schema: { type: 'string', example: '/api/knowledge/batches/batch_…' },
  },
} as const;

/** One that changes a batch and answers with it. */
const action = (summary: string): { post: ZodOpenApiOperationObject } => ({
  post: {
    summary,
    requestParams: { path: idParameter },
    responses: {
      '200': { description: 'The batch', content: envelopeOf(Batch) },
      ...notFound,
      ...closed,
      ...problems,
    },
  },
});

/** Batches, and what helps to fill them. */
export const batchPaths: ZodOpenApiPathsObject = {
  '/api/knowledge/lookup': {
    post: {
      summary: 'Which bytes are there already',
      requestBody: { required: true, content: json(lookupSchema) },
      responses: {
        '200': {
          description: 'The documents that have some of them',
          content: envelopeOf(z.object({ documents: z.array(knownHashSchema) })),
        },
        ...problems,
      },
    },
  },
  '/api/knowledge/batches': {
    post: {
      summary: 'Ingest many files as one batch',
      description:
        'As a form: the text fields, then the files, which are taken one after the other while they come; the batch is closed at the end. Once a form has created its batch, the answer names it in `Location`, also where a later file ends the request: what came is kept. As JSON: a batch to add files to, or one of files whose bytes were uploaded before.',
      requestParams: { header: z.object({ 'Idempotency-Key': z.string().optional() }) },
      requestBody: {
        required: true,
        content: {
          ...json(createBatchSchema),
          'multipart/form-data': {
            schema: batchFieldsSchema.extend({
              metadata: z.string().optional().meta({ description: 'A JSON object' }),
              file: files,
            }),
          },
        },
      },
      responses: {
        '201': {
          description: 'The batch; for a form, with its files',
          headers: createdByForm,
          content: envelopeOf(z.union([Batch, AddedFiles]), 201),
        },
        '404': problem('`unknown_collection`'),
        '408': { ...uploadProblems['408'], headers: createdByForm },
        '413': { ...uploadProblems['413'], headers: createdByForm },
        ...problems,
      },
    },
    get: {
      summary: 'List batches, newest first',
      requestParams: {
        query: z.object({ limit: z.int().min(1).max(200).optional(), cursor: z.string().optional() }),
      },
      responses: {
        '200': {
          description: 'A page',
          content: envelopeOf(
            z.object({ batches: z.array(Batch), total: z.int(), next_cursor: z.string().optional() }),
          ),
        },
        ...problems,
      },
    },
  },
  '/api/knowledge/batches/{id}': {
    get: {
      summary: 'State of a batch',
      requestParams: { path: idParameter },
      responses: {
        '200': { description: 'The batch', content: envelopeOf(Batch) },
        ...notFound,
        ...problems,
      },
    },
  },
  '/api/knowledge/batches/{id}/files': {
    post: {
      summary: 'Add files to an open batch; several requests at a time may',
      requestParams: { path: idParameter },
      requestBody: {
        required: true,
        content: { 'multipart/form-data': { schema: z.object({ file: files }) } },
      },
      responses: {
        '200': { description: 'What they became', content: envelopeOf(AddedFiles) },
        ...notFound,
        ...closed,
        ...uploadProblems,
        ...problems,
      },
    },
  },
  '/api/knowledge/batches/{id}/items': {
    get: {
      summary: 'The files of a batch, in the order of their coming',
      requestParams: {
        path: idParameter,
        query: z.object({
          status: batchItemStatusSchema.optional(),
          limit: z.int().min(1).max(1_000).optional(),
          cursor: z.string().optional(),
        }),
      },
      responses: {
        '200': {
          description: 'A page',
          content: envelopeOf(
            z.object({ items: z.array(batchItemSchema), next_cursor: z.string().optional() }),
          ),
        },
        ...notFound,
        ...problems,
      },
    },
  },
  '/api/knowledge/batches/{id}/events': {
    get: {
      summary: 'Watch a batch: `event: batch` with its state at every change, then `data: [DONE]`',
      requestParams: { path: idParameter },
      responses: { '200': { description: 'The events', content: eventStream }, ...notFound, ...problems },
    },
  },
  '/api/knowledge/batches/{id}/close': action('Close a batch: it ends when its files have'),
  '/api/knowledge/batches/{id}/pause': action('Pause a batch; what a worker has goes on'),
  '/api/knowledge/batches/{id}/resume': action('Go on with a paused batch'),
  '/api/knowledge/batches/{id}/cancel': action(
    'Cancel a batch: what is not indexed yet is dropped, what is stays',
  ),
  '/api/knowledge/batches/{id}/retry': action('Ingest again what failed'),
};

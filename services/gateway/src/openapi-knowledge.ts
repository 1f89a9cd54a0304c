import { z } from 'zod';
import type { ZodOpenApiOperationObject, ZodOpenApiPathsObject } from 'zod-openapi';
import {
  acceptedUploadSchema,
  collectionSchema,
  collectionSettingsSchema,
  documentChangeSchema,
  documentSchema,
  indexedUploadSchema,
  knowledgeSettingsSchema,
  refusedUploadSchema,
  replaceSchema,
  searchAnswerSchema,
  searchRequestSchema,
} from '@sluice/shared/contracts/knowledge';
import {
  envelopeOf,
  eventStream,
  idParameter,
  json,
  notFound,
  problem,
  problems,
  resume,
} from './openapi-parts.ts';

const vectorSpace = z.object({ model: z.string(), dimensions: z.int() });
const Document = documentSchema.meta({ id: 'Document' });
const Collection = collectionSchema.meta({ id: 'Collection' });
const nameParameter = z.object({ name: z.string() });
const unknownCollection = { '404': problem('`unknown_collection`') };

const upload: ZodOpenApiOperationObject = {
  summary: 'Upload documents: PDF, DOCX, PPTX, XLSX, EPUB, HTML, CSV, Markdown, text',
  description:
    'One file gives one object, several give a list in which a refused file has an `error`. With `Prefer: wait=30` the answer waits until the documents are indexed.',
  requestParams: { header: z.object({ Prefer: z.string().optional().meta({ example: 'wait=30' }) }) },
  requestBody: {
    required: true,
    content: {
      'multipart/form-data': {
        schema: z.object({
          file: z.array(z.string().meta({ format: 'binary' })),
          collection: z.string().optional().meta({ description: '`default` unless given' }),
          external_id: z.string().optional().meta({
            description: 'Your own name for the document; a later upload under it is a new version',
          }),
          metadata: z.string().optional().meta({ description: 'A JSON object', example: '{"year":2026}' }),
          replace: replaceSchema.optional(),
        }),
      },
    },
  },
  responses: {
    '200': {
      description: 'Indexed',
      content: envelopeOf(
        z.union([indexedUploadSchema, z.array(z.union([indexedUploadSchema, refusedUploadSchema]))]),
      ),
    },
    '202': {
      description: 'Accepted',
      content: envelopeOf(
        z.union([acceptedUploadSchema, z.array(z.union([acceptedUploadSchema, refusedUploadSchema]))]),
        202,
      ),
    },
    '413': problem('`too_large`: the file is larger than `UPLOAD_MAX_BYTES`; `field_too_large`'),
    '415': problem('`unsupported_type`, or `type_mismatch`: the content is not what the name says'),
    '422': problem(
      '`empty`, `encrypted`, `no_text`, `corrupt`, `too_large_uncompressed` or `resource_limit`',
    ),
    ...problems,
  },
};

/** Documents, collections and search. */
export const knowledgePaths: ZodOpenApiPathsObject = {
  '/api/knowledge/upload': { post: upload },
  '/api/knowledge/documents': {
    get: {
      summary: 'List documents, newest first',
      requestParams: {
        query: z.object({
          limit: z.int().min(1).max(200).optional(),
          cursor: z.string().optional(),
          collection: z.string().optional(),
        }),
      },
      responses: {
        '200': {
          description: 'A page',
          content: envelopeOf(
            z.object({
              documents: z.array(Document),
              total: z.int(),
              next_cursor: z.string().optional(),
            }),
          ),
        },
        ...problems,
      },
    },
  },
  '/api/knowledge/documents/{id}': {
    get: {
      summary: 'One document',
      requestParams: { path: idParameter },
      responses: {
        '200': { description: 'The document', content: envelopeOf(Document) },
        ...notFound,
        ...problems,
      },
    },
    patch: {
      summary: 'Give a document other metadata; searches see it at once',
      requestParams: { path: idParameter },
      requestBody: { required: true, content: json(documentChangeSchema) },
      responses: {
        '200': { description: 'The document', content: envelopeOf(Document) },
        ...notFound,
        ...problems,
      },
    },
    delete: {
      summary: 'Delete a document, its text and its vectors',
      requestParams: { path: idParameter },
      responses: {
        '200': {
          description: 'Deleted',
          content: envelopeOf(z.object({ id: z.string(), deleted: z.literal(true) })),
        },
        ...notFound,
        ...problems,
      },
    },
  },
  '/api/knowledge/documents/{id}/reingest': {
    post: {
      summary: 'Ingest the kept bytes again, as the next version; search sees the version before until then',
      requestParams: { path: idParameter },
      responses: {
        '202': { description: 'The document', content: envelopeOf(Document, 202) },
        '409': problem('`not_settled`: it is being ingested'),
        ...notFound,
        ...problems,
      },
    },
  },
  '/api/knowledge/settings': {
    get: {
      summary: 'What may be sent: types, sizes and numbers; and whether there is a reranker',
      responses: {
        '200': { description: 'The settings', content: envelopeOf(knowledgeSettingsSchema) },
        ...problems,
      },
    },
  },
  '/api/knowledge/index': {
    get: {
      summary: 'Which embedding model searches use, and how far the index of another one is',
      responses: {
        '200': {
          description: 'The index',
          content: envelopeOf(
            z.object({
              serving: vectorSpace,
              building: vectorSpace
                .extend({ done: z.int(), total: z.int() })
                .optional()
                .meta({ description: 'Documents; it serves when they are all done' }),
            }),
          ),
        },
        ...problems,
      },
    },
  },
  '/api/knowledge/collections': {
    get: {
      summary: 'List collections',
      responses: {
        '200': {
          description: 'All of them',
          content: envelopeOf(z.object({ collections: z.array(Collection) })),
        },
        ...problems,
      },
    },
  },
  '/api/knowledge/collections/{name}': {
    get: {
      summary: 'One collection',
      requestParams: { path: nameParameter },
      responses: {
        '200': { description: 'The collection', content: envelopeOf(Collection) },
        ...unknownCollection,
        ...problems,
      },
    },
    put: {
      summary: 'Create a collection, or replace its settings; documents that are there stay as they are',
      requestParams: { path: nameParameter },
      requestBody: { required: true, content: json(collectionSettingsSchema) },
      responses: {
        '200': { description: 'The collection', content: envelopeOf(Collection) },
        ...problems,
      },
    },
    delete: {
      summary: 'Delete an empty collection',
      requestParams: { path: nameParameter },
      responses: {
        '200': {
          description: 'Deleted',
          content: envelopeOf(z.object({ name: z.string(), deleted: z.literal(true) })),
        },
        '409': problem('`collection_not_empty`'),
        ...unknownCollection,
        ...problems,
      },
    },
  },
  '/api/knowledge/documents/{id}/text': {
    get: {
      summary: 'The extracted text, which the offsets of sources point into',
      requestParams: {
        path: idParameter,
        query: z.object({
          version: z.int().optional().meta({ description: 'The version of the source' }),
        }),
      },
      responses: {
        '200': { description: 'The text', content: { 'text/plain': { schema: z.string() } } },
        '409': problem('`not_ready`: the document is not indexed yet'),
        '410': problem('`version_gone`: another version is searched now'),
        ...notFound,
        ...problems,
      },
    },
  },
  '/api/knowledge/documents/{id}/events': {
    get: {
      summary: 'Progress of a document',
      requestParams: resume,
      responses: { '200': { description: 'The events', content: eventStream }, ...notFound, ...problems },
    },
  },
  '/api/knowledge/search': {
    post: {
      summary: 'Retrieval alone',
      description:
        'The passages that a chat with the same options would be given, before its token budget. Chunks are found by meaning and by words, the rankings fused, reranked where a reranker is configured, near-duplicates dropped, and joined with their neighbours.',
      requestBody: { required: true, content: json(searchRequestSchema.meta({ id: 'SearchRequest' })) },
      responses: {
        '200': {
          description: 'Passages, best first, with the score of each stage',
          content: envelopeOf(searchAnswerSchema),
        },
        ...problems,
      },
    },
  },
};

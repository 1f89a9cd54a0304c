import { z } from 'zod';
import { createDocument } from 'zod-openapi';
import type { ZodOpenApiOperationObject } from 'zod-openapi';
import {
  chatAnswerSchema,
  chatRequestSchema,
  chatStateSchema,
  modelsSchema,
} from '@sluice/shared/contracts/chat';
import { sourceSchema } from '@sluice/shared/contracts/events';
import { batchPaths } from './openapi-batches.ts';
import { knowledgePaths } from './openapi-knowledge.ts';
import { opsPaths } from './openapi-ops.ts';
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

const Source = sourceSchema.meta({ id: 'Source' });
const postChat: ZodOpenApiOperationObject = {
  summary: 'Ask the model, optionally about your documents',
  description:
    'With `stream: true` the answer is Server-Sent Events: `event: accepted` with the id, then `data: {"content":"…"}` per delta, named events (`sources`, `usage`, …), and `data: [DONE]`; a failure is `event: error` with `error`, `code` and, where it is known, `retry_after` in seconds. The id is also in the header `X-Chat-Id`; a broken stream is resumed at `GET /api/chat/{id}/events`.',
  requestParams: {
    header: z.object({
      'Idempotency-Key': z
        .string()
        .optional()
        .meta({ description: 'A repeated request with the same key gets the same answer' }),
    }),
  },
  requestBody: { required: true, content: json(chatRequestSchema.meta({ id: 'ChatRequest' })) },
  responses: {
    '200': {
      description: 'The answer',
      content: {
        ...envelopeOf(chatAnswerSchema.extend({ sources: z.array(Source).optional() })),
        ...eventStream,
      },
    },
    '422': problem('`idempotency_key_reused`: the key was used with another request'),
    '429': problem('`too_many_waiting`: see `Retry-After`'),
    '502': problem('The model failed; `Retry-After` where it says when to try again'),
    '504': problem('The model did not answer in time'),
    ...problems,
  },
};

/** The OpenAPI description of every route, from the schemas that check the requests. */
export function createOpenApi() {
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Sluice',
      version: '0.1.0',
      description: 'Streaming chat, and retrieval over your own documents.',
    },
    components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
    security: [{ bearer: [] }, {}],
    paths: {
      '/api/chat': { post: postChat },
      '/api/chat/{id}': {
        get: {
          summary: 'State of a chat and its text so far',
          requestParams: { path: idParameter },
          responses: {
            '200': { description: 'The state', content: envelopeOf(chatStateSchema) },
            ...notFound,
            ...problems,
          },
        },
      },
      '/api/chat/{id}/cancel': {
        post: {
          summary: 'Stop a chat, waiting or running; one that has ended stays as it is',
          requestParams: { path: idParameter },
          responses: {
            '200': {
              description: 'How it ended',
              content: envelopeOf(chatStateSchema.pick({ id: true, status: true })),
            },
            ...notFound,
            ...problems,
          },
        },
      },
      '/api/chat/{id}/events': {
        get: {
          summary: 'Resume a streamed answer, or watch it a second time',
          requestParams: resume,
          responses: {
            '200': { description: 'The events after the position', content: eventStream },
            '204': { description: 'The stream had ended at the position' },
            '410': problem('`unknown_cursor`: the stream has not come that far'),
            ...notFound,
            ...problems,
          },
        },
      },
      '/api/models': {
        get: {
          summary: 'The models to choose from',
          responses: { '200': { description: 'Them', content: envelopeOf(modelsSchema) }, ...problems },
        },
      },
      ...knowledgePaths,
      ...batchPaths,
      ...opsPaths,
      '/healthz': {
        get: { summary: 'The process lives', security: [], responses: { '200': { description: 'It does' } } },
      },
      '/readyz': {
        get: {
          summary: 'Redis and the vector store answer',
          security: [],
          responses: {
            '200': { description: 'They do' },
            '503': { description: 'One does not; the body says which' },
          },
        },
      },
    },
  });
}

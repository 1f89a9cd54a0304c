import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { opsSessionSchema, opsSnapshotSchema } from '@sluice/shared/contracts/ops';
import { documentStatusSchema } from '@sluice/shared/contracts/knowledge';
import { envelopeOf, eventStream, idParameter, notFound, problem, problems } from './openapi-parts.ts';

const Snapshot = opsSnapshotSchema.meta({ id: 'OpsSnapshot' });

/** `/api/ops` and `/metrics`; all of it needs the scope `ops`. */
export const opsPaths: ZodOpenApiPathsObject = {
  '/metrics': {
    get: {
      summary: "Metrics of this process, in Prometheus's text format",
      responses: {
        '200': { description: 'The metrics', content: { 'text/plain': { schema: z.string() } } },
        ...problems,
      },
    },
  },
  '/api/ops/snapshot': {
    get: {
      summary: 'How everything is now: queues, processes, chats, ingestion, tenants, errors',
      responses: {
        '200': { description: 'A snapshot, at most a second old', content: envelopeOf(Snapshot) },
        ...problems,
      },
    },
  },
  '/api/ops/events': {
    get: {
      summary: 'A snapshot every two seconds',
      description:
        'Server-Sent Events: `event: snapshot` with what `GET /api/ops/snapshot` has as `data`, or `event: unavailable` with `code` and `error` while Redis is away. A client that is slow gets the newest and not those before.',
      responses: { '200': { description: 'Snapshots without end', content: eventStream }, ...problems },
    },
  },
  '/api/ops/documents/{id}/retry': {
    post: {
      summary: 'Ingest a failed document again, as its next version (scope admin)',
      requestParams: { path: idParameter },
      responses: {
        '202': {
          description: 'It waits',
          content: envelopeOf(
            z.object({ id: z.string(), version: z.int().positive(), status: documentStatusSchema }),
            202,
          ),
        },
        '409': problem('`not_failed`'),
        ...notFound,
        ...problems,
      },
    },
  },
  '/api/ops/documents/{id}': {
    delete: {
      summary: 'Delete a document (scope admin)',
      requestParams: { path: idParameter },
      responses: {
        '200': {
          description: 'It is gone',
          content: envelopeOf(z.object({ id: z.string(), deleted: z.literal(true) })),
        },
        ...notFound,
        ...problems,
      },
    },
  },
  '/api/ops/session': {
    post: {
      summary: 'Let this browser into /ops/queues',
      description:
        'Sets the cookie `sluice_ops` for eight hours: HttpOnly, SameSite=Strict, for paths below `/ops` alone. It stands for the key that the request is sent with.',
      responses: {
        '200': { description: 'What the key may do', content: envelopeOf(opsSessionSchema) },
        ...problems,
      },
    },
    delete: {
      summary: 'Take the cookie away',
      security: [],
      responses: {
        '200': { description: 'Done', content: envelopeOf(z.object({ closed: z.literal(true) })) },
        ...problems,
      },
    },
  },
};

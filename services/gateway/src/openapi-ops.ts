import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { opsSessionSchema } from '@sluice/shared/contracts/ops';
import { envelopeOf, problems } from './openapi-parts.ts';

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
      responses: {
        '200': { description: 'Done', content: envelopeOf(z.object({ closed: z.literal(true) })) },
        ...problems,
      },
    },
  },
};

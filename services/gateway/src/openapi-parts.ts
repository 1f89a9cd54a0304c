import { z } from 'zod';
import type { ZodOpenApiResponsesObject } from 'zod-openapi';

const errorSchema = z
  .object({
    code: z.int().meta({ description: 'The HTTP status' }),
    data: z.null(),
    message: z.string().meta({ description: 'What happened and what to do, for a person' }),
    error: z.object({
      code: z.string().meta({ description: 'Stable snake_case code' }),
      request_id: z.string(),
      trace_id: z.string().optional().meta({ description: 'Of its trace, where traces are made' }),
      details: z.unknown().optional(),
    }),
  })
  .meta({ id: 'Error' });

export const json = (schema: z.ZodType) => ({ 'application/json': { schema } });
export const envelopeOf = (data: z.ZodType, code = 200) =>
  json(z.object({ code: z.literal(code), data, message: z.literal('success') }));
export const eventStream = { 'text/event-stream': { schema: z.string() } };
export const problem = (description: string) => ({ description, content: json(errorSchema) });
export const problems: ZodOpenApiResponsesObject = {
  '400': problem('The request is not valid'),
  '401': problem('The API key is missing or wrong'),
  '403': problem('`forbidden`: the key lacks the scope; `details.scope` says which'),
  '503': problem('Something that Sluice depends on is away; see `Retry-After`'),
};
export const idParameter = z.object({ id: z.string() });
export const notFound = { '404': problem('Nothing is known under this id') };
/** A stream that is watched from a position on. */
export const resume = {
  path: idParameter,
  query: z.object({
    after: z.string().optional().meta({ description: 'Id of the last event received', example: '1-42' }),
  }),
  header: z.object({ 'Last-Event-ID': z.string().optional() }),
};

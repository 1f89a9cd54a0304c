import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { embedText, MAX_DIMENSIONS } from './embedding.ts';
import { readJson, sendJson } from './http.ts';
import { splitPieces } from './pieces.ts';

const text = z.string().min(1, { error: 'input cannot be an empty string' });
const requestSchema = z.looseObject({
  model: z.string().min(1),
  input: z.union([text, z.array(text).min(1).max(2048)], {
    error: 'must be a string that is not empty, or an array of 1 to 2048 of them',
  }),
  dimensions: z.int().min(1).max(MAX_DIMENSIONS).nullish(),
  encoding_format: z.enum(['float', 'base64']).nullish(),
});

/** Answers `POST /v1/embeddings`; `dimensions` is what a request gets that names no other number. */
export async function handleEmbeddings(
  request: IncomingMessage,
  response: ServerResponse,
  dimensions: number,
): Promise<void> {
  const body = await readJson(request, requestSchema);
  const inputs = [body.input].flat();
  const data = inputs.map((input, index) => {
    const vector = embedText(input, body.dimensions ?? dimensions);
    const embedding = body.encoding_format === 'base64' ? encodeBase64(vector) : [...vector];
    return { object: 'embedding', index, embedding };
  });
  const tokens = inputs.reduce((sum, input) => sum + splitPieces(input).length, 0);
  const usage = { prompt_tokens: tokens, total_tokens: tokens };
  sendJson(response, 200, { object: 'list', data, model: body.model, usage });
}

/** Little-endian 32-bit floats, as OpenAI sends them. */
function encodeBase64(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [i, value] of vector.entries()) bytes.writeFloatLE(value, i * 4);
  return bytes.toString('base64');
}

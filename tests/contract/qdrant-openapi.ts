import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import type { RecordedRequest } from './fake-qdrant.ts';

interface OpenApi {
  paths: Record<string, Record<string, Operation>>;
  [part: string]: unknown;
}

interface Operation {
  parameters?: { name: string; in: string }[];
  requestBody?: unknown;
}

/** Integer and float widths of Qdrant's spec, which JSON Schema does not know. */
const WIDTHS = ['uint', 'uint8', 'uint16', 'uint32', 'uint64', 'float', 'double', 'int32', 'int64'];

/** Checks a request against Qdrant's OpenAPI description; returns what is wrong with it, empty when nothing is. */
export type RequestCheck = (request: Pick<RecordedRequest, 'method' | 'path' | 'query' | 'body'>) => string[];

/** Compiles the description lying at `file`. */
export function loadRequestCheck(file: string): RequestCheck {
  const spec = tighten(JSON.parse(readFileSync(file, 'utf8'))) as OpenApi;
  const ajv = new Ajv({
    strict: false,
    allErrors: true,
    formats: Object.fromEntries(WIDTHS.map((w) => [w, true])),
  });
  addFormats.default(ajv);
  ajv.addSchema({ $id: 'qdrant', ...spec });

  return ({ method, path, query, body }) => {
    const template = findTemplate(Object.keys(spec.paths), path);
    const operation = template && spec.paths[template]?.[method.toLowerCase()];
    if (!template || !operation) return [`no ${method} ${path}`];

    const known = operation.parameters
      ?.filter((parameter) => parameter.in === 'query')
      .map(({ name }) => name);
    const problems = [...query.keys()].filter((name) => !known?.includes(name)).map((name) => `no ?${name}=`);
    if (!operation.requestBody) return body === undefined ? problems : [...problems, 'no body expected'];

    const pointer = [
      'paths',
      template,
      method.toLowerCase(),
      'requestBody',
      'content',
      'application/json',
      'schema',
    ];
    const $ref = `qdrant#/${pointer.map(escapePointer).join('/')}`;
    const validate = ajv.getSchema($ref) ?? ajv.compile({ $ref });
    if (!validate(body)) problems.push(ajv.errorsText(validate.errors));
    return problems;
  };
}

/**
 * Makes the description strict: `{"nullable": true}` alone accepts anything, so it becomes the type null; and objects
 * accept only the properties they list, so that a misspelt one does not pass.
 */
function tighten(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(tighten);
  if (typeof node !== 'object' || node === null) return node;
  const keys = Object.keys(node);
  if (keys.length === 1 && 'nullable' in node) return { type: 'null' };
  const copy = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, tighten(value)]));
  const closed = copy['type'] === 'object' && copy['properties'] && !('additionalProperties' in copy);
  return closed ? { ...copy, additionalProperties: false } : copy;
}

/** The path that a request means: where several match, the one with the fewest variables (`points/count`, not `points/{id}`). */
function findTemplate(templates: string[], path: string): string | undefined {
  const countVariables = (template: string) => template.split('{').length;
  return templates
    .filter((template) => new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path))
    .toSorted((left, right) => countVariables(left) - countVariables(right))[0];
}

function escapePointer(part: string): string {
  return encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));
}

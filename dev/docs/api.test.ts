import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createOpenApi } from '../../services/gateway/src/openapi.ts';
import { DOCUMENT_ERROR_STATUS } from '../../shared/src/errors.ts';
import { findFiles, readPage } from './pages.ts';
import { renderRoutes } from './render-routes.ts';

const PAGE = 'docs/api.md';

describe('docs/api.md', () => {
  it('has the routes of the OpenAPI document', () => {
    const page = readPage(PAGE);
    const message = `${PAGE} has other routes than the OpenAPI document: run \`npm run docs:api\` and commit it.`;
    assert.equal(page, renderRoutes(createOpenApi(), page), message);
  });

  it('has every error code of the source, and no other', () => {
    assert.deepEqual(
      listDocumentedCodes(),
      [...listCodes()].sort(),
      `Correct the tables under Errors in ${PAGE}.`,
    );
  });
});

describe('OpenAPI document', () => {
  it('has every route of the gateway', () => {
    const { paths = {} } = createOpenApi();
    const described = new Set(
      Object.entries(paths).flatMap(([path, item]) => Object.keys(item).map((method) => `${method} ${path}`)),
    );
    const routes = Object.entries(PREFIXES).flatMap(([file, prefix]) => listRoutes(file, prefix));
    assert.ok(routes.length > 30, `${routes.length} routes were found in the source`);
    assert.deepEqual(
      routes.filter((route) => !described.has(route)),
      [],
    );
    const files = findFiles('.ts').filter((file) => file.startsWith(ROUTES) && !file.endsWith('.test.ts'));
    const known = [...Object.keys(PREFIXES), ...WITHOUT_DESCRIPTION].map((name) => `${ROUTES}${name}.ts`);
    assert.deepEqual(
      files.filter(
        (file) => listRoutes(file.slice(ROUTES.length, -3), '').length > 0 && !known.includes(file),
      ),
      [],
      'Say in this test where these are mounted.',
    );
  });
});

const ROUTES = 'services/gateway/src/routes/';
/** Where the routers of services/gateway/src/routes are mounted, by file. */
const PREFIXES: Record<string, string> = {
  health: '',
  chat: '/api/chat',
  metrics: '/metrics',
  models: '/api/models',
  knowledge: '/api/knowledge',
  collections: '/api/knowledge/collections',
  batches: '/api/knowledge/batches',
  ops: '/api/ops',
};
/** Pages for people, which docs/api.md names by hand. */
const WITHOUT_DESCRIPTION = ['docs', 'queues', 'web'];

/** Such as `get /api/chat/{id}`. */
function listRoutes(name: string, prefix: string): string[] {
  const source = readPage(`${ROUTES}${name}.ts`);
  return [...source.matchAll(/\brouter\s*\.(get|put|post|patch|delete)\(\s*'([^']+)'/g)].map(
    ([, method, path]) => {
      const full = `${prefix}${path}`.replace(/:(\w+)/g, '{$1}').replace(/(.)\/$/, '$1');
      return `${method} ${full}`;
    },
  );
}

/** How errors are written in the source: constructed with status and code, or as data with a `code`. */
const FORMS = [
  /\bnew (?:Sluice|Request|Unavailable)Error\(\s*\w+,\s*'([a-z_]+)'/g,
  /\bfail\(\s*\d{3},\s*'([a-z_]+)'/g,
  /\bgiveUp\(\w+, '([a-z_]+)'/g,
  /\bcode(?:: | = )'([a-z_]+)'/g,
];
/** Zod's own, and faults of the program, which no request can bring about. */
const NEVER_SENT = ['custom', 'invalid_limit', 'wrong_vector_length'];

function listCodes(): Set<string> {
  const sources = findFiles('.ts').filter(
    (file) => /^(?:services|shared)\//.test(file) && !file.endsWith('.test.ts'),
  );
  const codes = new Set<string>(Object.keys(DOCUMENT_ERROR_STATUS));
  for (const file of sources)
    for (const form of FORMS) for (const [, code] of readPage(file).matchAll(form)) codes.add(code!);
  return codes.difference(new Set(NEVER_SENT));
}

function listDocumentedCodes(): string[] {
  const tables = readPage(PAGE).split('## Errors')[1] ?? '';
  const cells = [...tables.matchAll(/^\| (`[^|]*) \|/gm)].map(([, cell]) => cell!);
  return cells.flatMap((cell) => [...cell.matchAll(/`([a-z_]+)`/g)].map(([, code]) => code!)).sort();
}

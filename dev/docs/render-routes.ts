import { z } from 'zod';
import { replaceGenerated } from './pages.ts';

/** Parts of the API by the beginning of their paths, with the scope that they ask for (services/gateway/src/app.ts). */
const PARTS = [
  { title: 'Chat', scope: 'chat', prefixes: ['/api/chat', '/api/models'] },
  { title: 'Knowledge', scope: 'knowledge', prefixes: ['/api/knowledge'] },
  { title: 'Operations', scope: 'ops', prefixes: ['/api/ops', '/metrics'] },
  { title: 'Others', scope: undefined, prefixes: ['/'] },
];

const METHODS = ['get', 'put', 'post', 'patch', 'delete'] as const;
const pathSchema = z.partialRecord(z.enum(METHODS), z.object({ summary: z.string() }));

/** Puts the tables of routes between the marks of docs/api.md. */
export function renderRoutes(openapi: { paths?: object }, page: string): string {
  const paths = Object.entries(openapi.paths ?? {}).map(([path, item]) => {
    const part = PARTS.find(({ prefixes }) => prefixes.some((prefix) => path.startsWith(prefix)));
    return { path, part, operations: pathSchema.parse(item) };
  });
  const sections = PARTS.map((part) => {
    const rows = paths
      .filter((one) => one.part === part)
      .flatMap(({ path, operations }) =>
        METHODS.filter((method) => operations[method]).map(
          (method) => `| \`${method.toUpperCase()} ${path}\` | ${operations[method]!.summary} |`,
        ),
      );
    const scope = part.scope ? `, with the scope \`${part.scope}\`` : '';
    return [`### ${part.title}${scope}\n`, '| route | does |', '| --- | --- |', ...rows].join('\n');
  });
  return replaceGenerated(page, sections);
}

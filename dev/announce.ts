import { relative } from 'node:path';

import type { RunEnvironment } from './environment.ts';

/** Says where everything is and what to type first. */
export function describeReadiness(plan: RunEnvironment, startMs: number): string {
  const url = `http://${formatHost(plan.host)}:${plan.port}`;
  const body = JSON.stringify({ messages: [{ role: 'user', content: 'Hello' }], stream: true });
  const authorization = plan.variables['SLUICE_API_KEY'] ? ' -H "Authorization: Bearer $SLUICE_API_KEY"' : '';
  const rows: [label: string, value: string][] = [
    ['Web app', url],
    ['API docs', `${url}/docs`],
    ['Model', describeModel(plan)],
    ['Vectors', plan.variables['QDRANT_URL'] || 'SQLite in the data folder'],
    ['Redis', hidePassword(plan.variables['REDIS_URL']!)],
    ['Data folder', relative(process.cwd(), plan.dataDir) || plan.dataDir],
  ];
  return [
    '',
    `Sluice is ready after ${(startMs / 1_000).toFixed(1)} s.`,
    '',
    ...rows.map(([label, value]) => `  ${label.padEnd(12)} ${value}`),
    '',
    '  Try it:',
    `  curl -N ${url}/api/chat${authorization} -H 'Content-Type: application/json' -d '${body}'`,
    '',
    'Ctrl-C stops everything.',
    '',
  ].join('\n');
}

function describeModel({ offlineModelPort, variables }: RunEnvironment): string {
  if (offlineModelPort === undefined)
    return `${variables['CHAT_MODEL'] || 'default'} at ${variables['OPENAI_BASE_URL'] || 'OpenAI'}`;
  return 'offline stand-in that only quotes your documents; set OPENAI_API_KEY or OPENAI_BASE_URL for a real one';
}

function formatHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

function hidePassword(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//***@').replace(/\?.*/, '');
}

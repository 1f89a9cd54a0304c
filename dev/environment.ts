import { resolve } from 'node:path';

import { Refusal } from './refusal.mjs';
import { findFreePort, findFreePorts, tryPort } from './ports.ts';

/** Where everything of one run listens, and what the services are told. */
export interface RunEnvironment {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  /** Undefined when REDIS_URL names one that runs already. */
  readonly redisPort: number | undefined;
  /** Undefined when the user named a model. */
  readonly offlineModelPort: number | undefined;
  readonly offlineDimensions: string;
  readonly healthPorts: { readonly chatWorker: number; readonly ingestWorker: number };
  /** The environment of the services: the user's own, completed. */
  readonly variables: NodeJS.ProcessEnv;
}

const DEFAULT_PORT = 8000;
const OFFLINE_DIMENSIONS = '384';

/** Reads DATA_DIR, which everything of a run lies in. */
export function readDataDir(env: NodeJS.ProcessEnv, root: string): string {
  return resolve(root, env['DATA_DIR'] || 'data');
}

/**
 * Decides what this run starts by itself and where it listens. Values are judged by the services, not here: a PORT that
 * is no number comes back from them with every other problem.
 *
 * @throws {Refusal} when PORT is taken
 */
export async function planRun(env: NodeJS.ProcessEnv, root: string): Promise<RunEnvironment> {
  const host = env['HOST'] || '127.0.0.1';
  const wantedPort = Number(env['PORT'] || DEFAULT_PORT);
  const isPort = Number.isInteger(wantedPort) && wantedPort >= 0 && wantedPort <= 65_535;
  const port = isPort && wantedPort === 0 ? await findFreePort() : wantedPort;
  if (isPort) await refuseBusyPort(port, host);

  const [modelPort, chatPort, ingestPort, redisPort] = await findFreePorts(4, isPort ? port : DEFAULT_PORT);
  const isOffline = !env['OPENAI_API_KEY'] && !env['OPENAI_BASE_URL'];
  const offlineDimensions = /^[1-9]\d{0,3}$/.test(env['EMBEDDING_DIMENSIONS'] ?? '')
    ? env['EMBEDDING_DIMENSIONS']!
    : OFFLINE_DIMENSIONS;
  const dataDir = readDataDir(env, root);
  const variables: NodeJS.ProcessEnv = {
    ...env,
    HOST: host,
    PORT: isPort ? String(port) : env['PORT'],
    DATA_DIR: dataDir,
    REDIS_URL: env['REDIS_URL'] || `redis://127.0.0.1:${redisPort}`,
  };
  if (isOffline) {
    variables['OPENAI_BASE_URL'] = `http://127.0.0.1:${modelPort}/v1`;
    variables['OPENAI_API_KEY'] = 'offline';
    variables['CHAT_MODEL'] ||= 'offline-chat';
    variables['EMBEDDING_MODEL'] ||= 'offline-embedding';
    variables['EMBEDDING_DIMENSIONS'] ||= OFFLINE_DIMENSIONS;
    variables['TAKEOVER_PROMPT'] ||= 'prefill';
  }
  return {
    host,
    port,
    dataDir,
    redisPort: env['REDIS_URL'] ? undefined : redisPort,
    offlineModelPort: isOffline ? modelPort : undefined,
    offlineDimensions,
    healthPorts: { chatWorker: chatPort!, ingestWorker: ingestPort! },
    variables,
  };
}

async function refuseBusyPort(port: number, host: string): Promise<void> {
  const outcome = await tryPort(port, host);
  if (typeof outcome === 'number') return;
  const reasons: Record<string, string> = {
    EADDRINUSE: 'is already in use',
    EACCES: 'is not open to this user',
  };
  const hint = `choose another with \`PORT=${port + 1} npm start\``;
  if (reasons[outcome]) throw new Refusal(`Port ${port} ${reasons[outcome]}: ${hint}.`);
  throw new Refusal(
    `Sluice cannot listen on ${host}:${port} (${outcome}): set HOST to an address of this machine.`,
  );
}

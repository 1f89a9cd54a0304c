import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { homedir } from 'node:os';
import { parseArgs } from 'node:util';
import type { Metadata } from '../client/src/index.ts';

/** What to ingest, and how. */
export interface IngestPlan {
  /** Files and folders, absolute. */
  inputs: string[];
  url: string;
  apiKey: string | undefined;
  name: string | undefined;
  collection: string;
  metadata: Metadata;
  replace: 'external_id' | 'filename' | 'none';
  /** Requests at the same time. */
  concurrency: number;
  dryRun: boolean;
  /** Where it is noted what to go on with after an interruption. */
  stateDir: string;
}

/** The command line makes no sense; the message says why. */
export class UsageError extends Error {}

export const USAGE = `Ingests files and folders into Sluice.

  npm run ingest -- <folder or file>… [options]

  --collection <name>    where to; default: default
  --metadata <key=value> of every document; may be given several times
  --replace <by>         what a changed file replaces: external_id (the document of the same path
                         within the folder), filename, or none; default: none
  --concurrency <n>      requests at the same time, 1 to 32; default: 4
  --name <text>          what to call the batch
  --url <url>            of the gateway; default: SLUICE_URL, or http://127.0.0.1:8000
  --dry-run              look, but upload nothing

SLUICE_API_KEY is sent where it is set. Files that are there already are not uploaded again. Zip
archives are unpacked by the server. Hidden files and links within folders are left out. After
Ctrl-C the same command goes on where it was.
`;

const REPLACE = ['external_id', 'filename', 'none'] as const;

/**
 * Reads the command line and the environment, to which a file `.env` in the working folder adds what is not set.
 *
 * @returns undefined when help is asked for
 * @throws {UsageError}
 */
export function readPlan(args: string[]): IngestPlan | undefined {
  if (existsSync('.env')) process.loadEnvFile();
  const { values, positionals } = parse(args);
  if (values.help) return undefined;
  if (positionals.length === 0) throw new UsageError('Say which folders or files to ingest.');
  const url = values.url ?? (process.env['SLUICE_URL'] || 'http://127.0.0.1:8000');
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) throw new UsageError(`${url} is no http(s) URL.`);
  const replace = REPLACE.find((by) => by === (values.replace ?? 'none'));
  if (!replace) throw new UsageError(`--replace must be one of ${REPLACE.join(', ')}.`);
  const concurrency = Number(values.concurrency ?? 4);
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 32)
    throw new UsageError('--concurrency must be a whole number from 1 to 32.');
  const here = process.env['INIT_CWD'] ?? process.cwd();
  const cache = process.env['XDG_CACHE_HOME'] || resolve(homedir(), '.cache');
  return {
    inputs: positionals.map((input) => resolve(here, input)),
    url,
    apiKey: process.env['SLUICE_API_KEY'] || undefined,
    name: values.name,
    collection: values.collection ?? 'default',
    metadata: Object.fromEntries((values.metadata ?? []).map(readFact)),
    replace,
    concurrency,
    dryRun: values['dry-run'] ?? false,
    stateDir: resolve(cache, 'sluice', 'ingest'),
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        collection: { type: 'string' },
        metadata: { type: 'string', multiple: true },
        replace: { type: 'string' },
        concurrency: { type: 'string' },
        name: { type: 'string' },
        url: { type: 'string' },
        'dry-run': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** Numbers and booleans are taken as such, so that they can be filtered by as such. */
function readFact(fact: string): [key: string, value: string | number | boolean] {
  const at = fact.indexOf('=');
  if (at < 1) throw new UsageError(`--metadata ${fact} is not of the form key=value.`);
  const value = fact.slice(at + 1);
  if (value === 'true' || value === 'false') return [fact.slice(0, at), value === 'true'];
  // What would be another text as a number, like 007, stays text.
  return [
    fact.slice(0, at),
    String(Number(value)) === value && Number.isFinite(Number(value)) ? Number(value) : value,
  ];
}

/**
 * The second half of `npm start`: runs Redis, the offline model and the services until it is told to stop.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { describeReadiness } from './announce.ts';
import { planRun, readDataDir } from './environment.ts';
import { createLineFormatter } from './log-lines.ts';
import { ensureRedisServer } from './redis-binary.ts';
import { Refusal } from './refusal.mjs';
import { runStack } from './run-stack.ts';
import { claimDataDir, removeRunRecord } from './run-record.ts';
import { describeLayers } from './specs.ts';
import { ensureWebApp } from './web-app.ts';

const root = dirname(import.meta.dirname);
const say = (sentence: string) => console.log(sentence);

try {
  process.exitCode = await supervise();
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  console.error(error.message);
  process.exitCode = error.exitCode;
}

async function supervise(): Promise<number> {
  const startedAt = performance.now();
  const dotenv = join(root, '.env');
  if (existsSync(dotenv)) process.loadEnvFile(dotenv);

  const dataDir = readDataDir(process.env, root);
  const record = await claimDataDir(dataDir, say);
  try {
    const plan = await planRun(process.env, root);
    const redisServer = plan.redisPort === undefined ? undefined : await ensureRedisServer(say);
    await ensureWebApp(root, say);
    const format = createLineFormatter({
      raw: process.env['LOG_FORMAT'] === 'json',
      color: process.stdout.isTTY && !process.env['NO_COLOR'],
    });
    return await runStack({
      dataDir,
      record,
      layers: describeLayers(plan, root, redisServer),
      write: (name, line) => console.log(format(name, line)),
      say,
      announce: () => say(describeReadiness(plan, performance.now() - startedAt)),
    });
  } finally {
    removeRunRecord(dataDir);
  }
}

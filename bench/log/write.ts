/** Writes the logs of many streams with nothing before them: each gets its tokens evenly, at a rate. */
import { setTimeout as delay } from 'node:timers/promises';
import { LogWriter } from '@sluice/shared/event-log/writer';
import { createLogger } from '@sluice/shared/logger';
import { connectRedis } from '@sluice/shared/redis/connection';
import { plainToken } from '../answer-plan.ts';
import { addressOf } from './log-address.ts';
import type { Redis } from 'ioredis';

const [, , url = '', streamCount, tokenRate] = process.argv;
const TICK_MS = 5;
const redis = connectRedis({
  url,
  role: 'appender',
  service: 'bench',
  logger: createLogger({ service: 'bench', level: 'warn' }),
}) as Redis;
const writers = Array.from(
  { length: Number(streamCount) },
  (_, i) => new LogWriter({ redis, log: addressOf(i), attempt: 1 }),
);

process.once('disconnect', () => process.exit(0));
const begun = performance.now();
let sent = 0;
for (;;) {
  const due = Math.floor(((performance.now() - begun) * Number(tokenRate)) / 1_000);
  for (const writer of writers) {
    for (let i = sent; i < due; i += 1) writer.append({ type: 'delta', content: plainToken() });
  }
  sent = due;
  await Promise.all(writers.map((writer) => writer.ready()));
  await delay(TICK_MS);
}

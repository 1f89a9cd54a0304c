/** Creates the logs of many streams, follows them, renders what comes, and says every second how much it was. */
import { createLog } from '@sluice/shared/event-log/log';
import { Doorbell } from '@sluice/shared/event-log/doorbell';
import { followLog } from '@sluice/shared/event-log/reader';
import { createLogger } from '@sluice/shared/logger';
import { connectRedis } from '@sluice/shared/redis/connection';
import type { ConnectionRole } from '@sluice/shared/redis/connection';
import type { Redis } from 'ioredis';
import { renderChatEntry } from '../../services/gateway/src/renderers/native.ts';
import { plainToken } from '../answer-plan.ts';
import { addressOf } from './log-address.ts';

const [, , url = '', streamCount] = process.argv;
const logger = createLogger({ service: 'bench', level: 'warn' });
const connect = (role: ConnectionRole) => connectRedis({ url, role, service: 'bench', logger }) as Redis;
const redis = connect('worker');
const doorbell = new Doorbell(connect('subscriber'), logger);
const seen = { tokens: 0, events: 0, frameChars: 0 };

process.once('disconnect', () => process.exit(0));
const logs = Array.from({ length: Number(streamCount) }, (_, i) => addressOf(i));
for (const log of logs) {
  await createLog(redis, log, { type: 'queued', position: 0 });
  void count(log);
}
process.on('message', () => process.send?.(seen));
process.send?.('ready');

async function count(log: (typeof logs)[number]): Promise<void> {
  for await (const batch of followLog({ redis, doorbell }, log)) {
    for (const entry of batch) {
      seen.frameChars += renderChatEntry(entry).length;
      if (entry.record.type !== 'delta') continue;
      seen.events += 1;
      seen.tokens += (entry.record.content ?? '').length / plainToken().length;
    }
  }
}

import type { Scenario } from '../scenario.ts';
import { brokenModelLinks, brokenRedisLinks } from './broken-links.ts';
import { lostTail } from './lost-tail.ts';
import { outOfMemory } from './memory.ts';
import { pubsubKills } from './pubsub-kills.ts';
import { races } from './races.ts';
import { reconnects } from './reconnects.ts';
import { redisAway } from './redis-away.ts';
import { seams } from './seams.ts';
import { stops } from './stops.ts';
import { workerKills } from './worker-kills.ts';

/** Every scenario, in the order of a full run. */
export const ALL_SCENARIOS: readonly Scenario[] = [
  reconnects,
  workerKills,
  stops,
  pubsubKills,
  redisAway,
  races,
  brokenRedisLinks,
  brokenModelLinks,
  outOfMemory,
  lostTail,
  seams,
];

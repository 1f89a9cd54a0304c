import type { OpsSnapshot } from '@sluice/shared/contracts/ops';
import { isRedisAway, redisUnavailable } from '@sluice/shared/redis/connection';
import { SluiceError } from '@sluice/shared/errors';
import { named } from '../renderers/native.ts';
import type { Tick } from './collector.ts';

/** Takes out what operations have no need to see: names that users gave. */
export function hideNames(snapshot: OpsSnapshot): OpsSnapshot {
  return {
    ...snapshot,
    ingest: {
      ...snapshot.ingest,
      failed: snapshot.ingest.failed.map(({ filename: _filename, ...document }) => document),
    },
    batches: snapshot.batches.map(({ name: _name, ...batch }) => batch),
  };
}

/** Renders ticks as frames, each once however many look. */
export function createTickRenderer(): (tick: Tick, seesNames: boolean) => string {
  const rendered = { all: new WeakMap<Tick, string>(), withoutNames: new WeakMap<Tick, string>() };
  return (tick, seesNames) => {
    const cache = seesNames ? rendered.all : rendered.withoutNames;
    const text = cache.get(tick) ?? renderTick(tick, seesNames);
    cache.set(tick, text);
    return text;
  };
}

function renderTick(tick: Tick, seesNames: boolean): string {
  if ('snapshot' in tick) return named('snapshot', seesNames ? tick.snapshot : hideNames(tick.snapshot));
  const error = isRedisAway(tick.error) ? redisUnavailable(tick.error) : tick.error;
  const known = error instanceof SluiceError;
  return named('unavailable', {
    code: known ? error.code : 'internal_error',
    error: known ? error.message : 'The state could not be read. The log of this gateway says why.',
  });
}

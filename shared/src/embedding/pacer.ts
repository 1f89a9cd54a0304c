import { readFileSync } from 'node:fs';
import type { Logger } from '../logger.ts';
import { pacerWait } from '../metrics/embedding.ts';
import { ModelFailure } from '../model/failure.ts';
import { wait } from '../model/retry.ts';
import type { RequestPacer } from '../model/retry.ts';
import type { RedisClient } from '../redis/connection.ts';
import { embeddingPauseKey, embeddingTurnKey } from '../redis/keys.ts';
import { AdaptiveLimit } from './adaptive-limit.ts';

const PACE_LUA = readFileSync(new URL('./pace.lua', import.meta.url), 'utf8');

/** KEYS pause; ARGV milliseconds. A pause never ends a longer one. */
const PAUSE_LUA = `
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], '1', 'PX', ARGV[1]) end
return 1`;

const MINUTE_US = 60_000_000;
/** Pauses where the provider does not say how long, doubled with each refusal; and the longest that it is taken at its word. */
const FIRST_PAUSE_MS = 500;
const LONGEST_OWN_PAUSE_MS = 30_000;
const LONGEST_PAUSE_MS = 600_000;
/** The longest that a timer takes. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;

/** What all workers together may ask of the embedding provider. */
export interface EmbeddingBudget {
  /** 0 for any number. */
  requestsPerMinute: number;
  /** 0 for any number; by `estimateTokens`. */
  tokensPerMinute: number;
  /** Most requests of this process at the same time. */
  concurrency: number;
}

interface PaceCommands {
  sluicePace(turnKey: string, pauseKey: string, costUs: number): Promise<number>;
  sluicePause(pauseKey: string, ms: number): Promise<number>;
}

/**
 * Opens the pacer of bulk embedding, shared by all processes that open it on the same Redis. A request waits for its turn
 * in the budget; when the provider answers that it is too much, or asks for time, all of them wait, and the request is made
 * again, as often as it takes.
 *
 * @param redis role `worker`: while Redis is away, requests wait
 */
export function openEmbeddingPacer(
  redis: RedisClient,
  { requestsPerMinute, tokensPerMinute, concurrency }: EmbeddingBudget,
  logger: Logger,
): RequestPacer {
  redis.defineCommand('sluicePace', { numberOfKeys: 2, lua: PACE_LUA });
  redis.defineCommand('sluicePause', { numberOfKeys: 1, lua: PAUSE_LUA });
  const commands = redis as RedisClient & PaceCommands;
  const limit = new AdaptiveLimit(concurrency);

  const shareOfMinute = (tokens: number) =>
    Math.max(
      requestsPerMinute === 0 ? 0 : 1 / requestsPerMinute,
      tokensPerMinute === 0 ? 0 : tokens / tokensPerMinute,
    );

  async function waitForTurn(tokens: number, signal: AbortSignal | undefined): Promise<void> {
    const costUs = Math.ceil(shareOfMinute(tokens) * MINUTE_US);
    for (;;) {
      const waitMs = await commands.sluicePace(embeddingTurnKey, embeddingPauseKey, costUs);
      if (waitMs <= 0) return;
      await wait(Math.min(waitMs, LONGEST_WAIT_MS), signal);
      // A turn that came while all were asked to wait is over: those of many would begin together at the end.
      if ((await redis.pttl(embeddingPauseKey)) <= 0) return;
    }
  }

  return {
    async run(tokens, request, signal) {
      for (let refusals = 0; ; refusals += 1) {
        const waited = pacerWait.startTimer();
        const permit = await limit.acquire(signal);
        let startedAt = Infinity;
        try {
          await waitForTurn(tokens, signal);
          waited();
          startedAt = performance.now();
          const result = await request();
          limit.grow();
          return result;
        } catch (error) {
          if (!(error instanceof ModelFailure)) throw error;
          const asksForTime = isTooMuch(error) || (error.again && error.retryAfterMs !== undefined);
          if (isTooMuch(error) || error.providerFault) limit.cut(startedAt);
          if (!asksForTime) throw error;
          const pauseMs = choosePause(refusals, error.retryAfterMs);
          await commands.sluicePause(embeddingPauseKey, pauseMs);
          logger.warn(
            { code: error.shown.code, ...error.record, retry_in_ms: pauseMs, concurrency: limit.current },
            'the embedding provider asks for time: all ingest-workers wait',
          );
        } finally {
          permit.release();
        }
      }
    },
  };
}

/** HTTP 429, unless the account has no quota left. */
function isTooMuch({ again, providerFault }: ModelFailure): boolean {
  return again && !providerFault;
}

function choosePause(refusals: number, askedMs = 0): number {
  const own = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(refusals, 10), LONGEST_OWN_PAUSE_MS);
  return Math.min(Math.ceil(Math.max(askedMs, own)), LONGEST_PAUSE_MS);
}

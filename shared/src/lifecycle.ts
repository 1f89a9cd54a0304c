import { ConfigError, EXIT_CONFIG } from './config.ts';
import type { Logger } from './logger.ts';

/**
 * Loads a process's configuration, or ends the process with every problem on standard error and exit code 78.
 */
export function loadOrExit<T>(load: () => T): T {
  try {
    return load();
  } catch (error) {
    return endBadStart(error);
  }
}

/**
 * Checks what the configuration asks of the system, or ends the process as {@link loadOrExit} does.
 */
export async function checkOrExit(check: () => Promise<void>): Promise<void> {
  await check().catch(endBadStart);
}

function endBadStart(error: unknown): never {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(EXIT_CONFIG);
}

/**
 * Runs a process: `start` acquires everything and registers each release on the stack; the first SIGTERM or SIGINT
 * (or the end of the parent that holds an IPC channel) releases in reverse order within `drainTimeoutMs`, the second
 * ends at once with exit code 1.
 */
export async function runProcess(
  options: { logger: Logger; drainTimeoutMs: number },
  start: (stack: AsyncDisposableStack) => Promise<void>,
): Promise<void> {
  const { logger } = options;
  const stack = new AsyncDisposableStack();

  let phase: 'starting' | 'running' | 'draining' = 'starting';
  const stopRequested = new Promise<string>((resolve) => {
    const ask = (reason: string) => {
      if (phase === 'starting') process.exit(0);
      if (phase === 'draining') {
        logger.fatal({ reason }, 'second signal: ending without draining');
        process.exit(1);
      }
      phase = 'draining';
      resolve(reason);
    };
    process.on('SIGTERM', () => ask('SIGTERM'));
    process.on('SIGINT', () => ask('SIGINT'));
    if (process.connected) process.once('disconnect', () => ask('parent gone'));
  });
  const die = (error: unknown, what: string) => {
    logger.fatal({ err: error }, what);
    process.exit(1);
  };
  process.on('uncaughtException', (error) => die(error, 'uncaught exception'));
  process.on('unhandledRejection', (error) => die(error, 'unhandled rejection'));

  try {
    await start(stack);
    phase = 'running';
  } catch (error) {
    return die(error, `could not start: ${error instanceof Error ? error.message : String(error)}`);
  }

  const reason = await stopRequested;
  logger.info({ reason, drain_timeout_ms: options.drainTimeoutMs }, 'draining');
  setTimeout(() => die(undefined, 'drain took too long: ending'), options.drainTimeoutMs).unref();
  await stack.disposeAsync();
  logger.info('stopped');
  process.exit(0);
}

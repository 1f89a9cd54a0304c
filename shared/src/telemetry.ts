import type { z } from 'zod';
import type { telemetrySettings } from './config.ts';
import type { Logger } from './logger.ts';

/** The standard variables of OpenTelemetry, parsed. */
export type TelemetrySettings = z.output<z.ZodObject<typeof telemetrySettings>>;

/** Who makes the traces, and how. */
export interface TelemetryOptions {
  /** Such as `gateway`; its name is `sluice-gateway` unless `OTEL_SERVICE_NAME` says otherwise. */
  service: string;
  settings: TelemetrySettings & { DRAIN_TIMEOUT_MS: number };
  logger: Logger;
}

/**
 * Begins to make traces, where an endpoint to send them to is set. What is left of them is sent when `stack` is released,
 * so it must be acquired first. Without an endpoint the SDK is not even loaded.
 */
export async function startTelemetry(stack: AsyncDisposableStack, options: TelemetryOptions): Promise<void> {
  const { settings } = options;
  const endpoint = settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? settings.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (endpoint === undefined || settings.OTEL_SDK_DISABLED) return;
  const { startTracing } = await import('./tracing/sdk.ts');
  stack.use(startTracing(options));
  options.logger.info({ collector: new URL(endpoint).host }, 'traces are exported');
}

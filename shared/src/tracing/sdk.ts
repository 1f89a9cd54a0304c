import { setTimeout as delay } from 'node:timers/promises';
import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { ExportResultCode, W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
  serviceInstanceIdDetector,
} from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Sampler, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace';
import { currentWork, describeWork } from '../logger.ts';
import type { Logger } from '../logger.ts';
import { SLUICE_VERSION } from '../metrics/registry.ts';
import type { TelemetryOptions, TelemetrySettings } from '../telemetry.ts';
import { tracingIsOn } from './spans.ts';

/** How long the last spans may take to leave, and which share of a drain: what drains before must have the rest. */
const FLUSH_MS = 2_000;
const FLUSH_SHARE = 0.1;

/**
 * Puts the SDK behind the API. The exporter reads `OTEL_EXPORTER_OTLP_*` itself, and the resource `OTEL_SERVICE_NAME` and
 * `OTEL_RESOURCE_ATTRIBUTES`; samplers and processors of sdk-trace 3 read nothing, so their variables are given to them
 * here.
 */
export function startTracing({ service, settings, logger }: TelemetryOptions): AsyncDisposable {
  const exporter = reportFailures(new OTLPTraceExporter(), logger);
  const provider = new TracerProvider({
    resource: defaultResource()
      .merge(
        resourceFromAttributes({
          'service.namespace': 'sluice',
          'service.name': `sluice-${service}`,
          'service.version': SLUICE_VERSION,
        }),
      )
      .merge(detectResources({ detectors: [serviceInstanceIdDetector, envDetector] })),
    sampler: chooseSampler(settings),
    spanProcessors: [
      workAttributes,
      new BatchSpanProcessor({
        exporter,
        scheduledDelayMillis: settings.OTEL_BSP_SCHEDULE_DELAY,
        exportTimeoutMillis: settings.OTEL_BSP_EXPORT_TIMEOUT,
        maxQueueSize: settings.OTEL_BSP_MAX_QUEUE_SIZE,
        maxExportBatchSize: settings.OTEL_BSP_MAX_EXPORT_BATCH_SIZE,
      }),
    ],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  tracingIsOn();
  return {
    async [Symbol.asyncDispose]() {
      const flushed = provider.shutdown().then(
        () => true,
        () => true,
      );
      const patienceMs = Math.min(FLUSH_MS, settings.DRAIN_TIMEOUT_MS * FLUSH_SHARE);
      if (await Promise.race([flushed, delay(patienceMs, false)])) return;
      logger.warn('the collector took the last traces too slowly: they are lost');
    },
  };
}

/** The sampler that `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` ask for. */
export function chooseSampler({
  OTEL_TRACES_SAMPLER: name,
  OTEL_TRACES_SAMPLER_ARG: ratio,
}: TelemetrySettings): Sampler {
  const ofRoots = {
    always_on: () => new AlwaysOnSampler(),
    always_off: () => new AlwaysOffSampler(),
    traceidratio: () => new TraceIdRatioBasedSampler(ratio),
  };
  const root = ofRoots[name.replace('parentbased_', '') as keyof typeof ofRoots]();
  return name.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root;
}

/** Gives each span what log lines carry: request, tenant and job. */
const workAttributes: SpanProcessor = {
  onStart(span) {
    const work = currentWork();
    if (work) span.setAttributes(describeWork(work));
  },
  onEnd() {},
  async forceFlush() {},
  async shutdown() {},
};

/**
 * Logs that traces are lost once, and again when they are not: a collector that is away is no reason for a line every 5
 * seconds. Only the message of the error is told: what else it has may quote what was sent.
 */
function reportFailures(exporter: SpanExporter, logger: Logger): SpanExporter {
  let isFailing = false;
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const failed = result.code !== ExportResultCode.SUCCESS;
        if (failed && !isFailing)
          logger.warn(
            { reason: result.error?.message, spans: spans.length },
            'traces cannot be exported and are lost: is OTEL_EXPORTER_OTLP_ENDPOINT right, and the collector there?',
          );
        if (!failed && isFailing) logger.info('traces are exported again');
        isFailing = failed;
        done(result);
      });
    },
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  };
}

import { Counter, Gauge, Histogram } from 'prom-client';
import { createBoundedLabel, LONG_SECONDS, registry, SHORT_SECONDS } from './registry.ts';

// Names, labels and buckets: OpenTelemetry semantic conventions for generative AI client metrics, as Prometheus spells them.
const registers = [registry];

const duration = new Histogram({
  name: 'gen_ai_client_operation_duration_seconds',
  help: 'Requests to models, from sending one to its end; error_type is empty where it went well.',
  labelNames: ['gen_ai_operation_name', 'gen_ai_request_model', 'error_type'],
  buckets: LONG_SECONDS,
  registers,
});

const firstChunk = new Histogram({
  name: 'gen_ai_client_operation_time_to_first_chunk_seconds',
  help: 'From asking for an answer to its first token.',
  labelNames: ['gen_ai_request_model'],
  buckets: SHORT_SECONDS,
  registers,
});

const chunkGap = new Histogram({
  name: 'gen_ai_client_operation_time_per_output_chunk_seconds',
  help: 'Between two moments at which tokens of an answer came.',
  labelNames: ['gen_ai_request_model'],
  buckets: SHORT_SECONDS,
  registers,
});

const tokenUsage = new Histogram({
  name: 'gen_ai_client_token_usage',
  help: 'Tokens of a request, as the provider counted them.',
  labelNames: ['gen_ai_operation_name', 'gen_ai_token_type', 'gen_ai_request_model'],
  buckets: [1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144],
  registers,
});

const errors = new Counter({
  name: 'sluice_model_errors_total',
  help: 'Failed requests to models, by kind; those that were tried again too.',
  labelNames: ['kind', 'gen_ai_request_model'],
  registers,
});

const breakerOpen = new Gauge({
  name: 'sluice_model_breaker_open',
  help: 'Whether this process leaves a model alone because it failed several times in a row: 1 or 0.',
  labelNames: ['gen_ai_request_model'],
  registers,
});

/** Clients choose the model of a chat. */
const nameModel = createBoundedLabel();

/** What is asked of a model. */
export type ModelOperation = 'chat' | 'embeddings';

/** Counts a failed request. @param kind the error code that the caller is told */
export function countModelError(model: string, kind: string): void {
  errors.inc({ kind, gen_ai_request_model: nameModel(model) });
}

/** Notes whether a model's circuit is open. */
export function noteBreaker(model: string, isOpen: boolean): void {
  breakerOpen.set({ gen_ai_request_model: nameModel(model) }, isOpen ? 1 : 0);
}

/** Counts tokens that the provider says a request had. */
export function countUsage(
  model: string,
  operation: ModelOperation,
  type: 'input' | 'output',
  tokens: number,
): void {
  tokenUsage.observe(
    { gen_ai_operation_name: operation, gen_ai_token_type: type, gen_ai_request_model: nameModel(model) },
    tokens,
  );
}

/** Times one request to a model. */
export class ModelTimer {
  readonly #model: string;
  readonly #operation: ModelOperation;
  readonly #begun = performance.now();
  #lastToken: number | undefined;

  constructor(model: string, operation: ModelOperation) {
    this.#model = nameModel(model);
    this.#operation = operation;
  }

  /** One or more pieces of the answer have come. */
  tokens(): void {
    const now = performance.now();
    const labels = { gen_ai_request_model: this.#model };
    if (this.#lastToken === undefined) firstChunk.observe(labels, (now - this.#begun) / 1_000);
    else chunkGap.observe(labels, (now - this.#lastToken) / 1_000);
    this.#lastToken = now;
  }

  /** @param errorType an error code, `aborted` where the caller gave up, or empty where the request went well */
  end(errorType = ''): void {
    duration.observe(
      {
        gen_ai_operation_name: this.#operation,
        gen_ai_request_model: this.#model,
        error_type: errorType,
      },
      (performance.now() - this.#begun) / 1_000,
    );
  }
}

import OpenAI from 'openai';
import { Agent, fetch } from 'undici';
import type { Logger } from '../logger.ts';
import type { ModelBreaker } from './breaker.ts';
import { createBreakers } from './breaker.ts';
import type { FailurePolicy } from './settings.ts';

const OPENAI_URL = 'https://api.openai.com/v1';
/** The longest that a timer takes: our own watchdog ends requests, never the SDK. */
const NEVER_MS = 2 ** 31 - 1;

/** A model on a provider, with what guards the way to it. */
export interface ModelTarget {
  openai: OpenAI;
  model: string;
  /** Host of the provider, for logs. */
  provider: string;
  /** What providers may quote and no log may have. */
  secrets: readonly string[];
  breaker: ModelBreaker;
}

interface Provider {
  url: string;
  host: string;
  openai: OpenAI;
  secrets: readonly string[];
}

/** Which model to ask, and which ones after it. */
export interface ModelTargets {
  /** `model` on the main provider, then the fallbacks, none twice. */
  forChat(model: string): ModelTarget[];
  /** Vectors of different models cannot be compared, so there is no fallback. */
  forEmbedding(model: string): ModelTarget;
}

/** Where models are. */
export interface ProviderSettings {
  apiKey?: string | undefined;
  /** OpenAI's own unless given. */
  baseUrl?: string | undefined;
  /** Where embeddings come from, when not from `baseUrl`. */
  embeddingBaseUrl?: string | undefined;
  /** Of `embeddingBaseUrl`. */
  embeddingApiKey?: string | undefined;
}

/** Opens the providers; no connection is made before the first request. */
export function openTargets(settings: ProviderSettings, policy: FailurePolicy, logger: Logger): ModelTargets {
  // undici's limits of 300 s for headers and between two pieces of a body would end what ours allow.
  const dispatcher = new Agent({
    connect: { timeout: policy.connectTimeoutMs },
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const breakerOf = createBreakers(policy, logger);
  const mainProvider = openProvider(settings.baseUrl ?? OPENAI_URL, settings.apiKey, dispatcher);
  const otherProvider = (url: string | undefined, apiKey: string | undefined) =>
    url === undefined ? mainProvider : openProvider(url, apiKey, dispatcher);
  const embeddingProvider = otherProvider(settings.embeddingBaseUrl, settings.embeddingApiKey);
  const fallbacks = policy.fallbacks.map(({ model, base_url, api_key }) => ({
    model,
    provider: otherProvider(base_url, api_key),
  }));
  const target = (provider: Provider, model: string): ModelTarget => ({
    openai: provider.openai,
    model,
    provider: provider.host,
    secrets: provider.secrets,
    breaker: breakerOf(provider, model),
  });
  return {
    forChat: (model) => [
      target(mainProvider, model),
      ...fallbacks
        .filter((fallback) => fallback.provider !== mainProvider || fallback.model !== model)
        .map((fallback) => target(fallback.provider, fallback.model)),
    ],
    forEmbedding: (model) => target(embeddingProvider, model),
  };
}

function openProvider(url: string, apiKey: string | undefined, dispatcher: Agent): Provider {
  const openai = new OpenAI({
    // A key is required by the SDK, not by every server.
    apiKey: apiKey ?? 'none',
    baseURL: url,
    // Left out, these come from the environment, and would go to every provider.
    organization: null,
    project: null,
    maxRetries: 0,
    timeout: NEVER_MS,
    logLevel: 'off',
    fetch: fetch as unknown as typeof globalThis.fetch,
    fetchOptions: { dispatcher },
  });
  return { url, host: new URL(url).host, openai, secrets: apiKey === undefined ? [] : [apiKey] };
}

/**
 * The offline model as a process: an OpenAI-compatible server for development. It is a stand-in and no language model:
 * chat quotes sentences of the sources in the prompt, embeddings are hashed words. It needs no network and no weights.
 */
import { loadOrExit } from '@sluice/shared/lifecycle';
import { loadConfig } from './config.ts';
import { startOfflineModel } from './server.ts';

const model = await startOfflineModel(loadOrExit(() => loadConfig()));
console.log(`offline model (a stand-in for development, no language model) at ${model.url}`);

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void model.close());

/** `npm run test:ingest-kills -- --seed N --kills 500`: ingest-workers killed at random moments. Exit code 1 when anything was lost. */
import { parseArgs } from 'node:util';
import { runIngestKills, WINDOW } from './ingest-kills.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    kills: { type: 'string', default: '500' },
  },
});
const kills = Number(values.kills);
console.log(`seed ${values.seed}`);
const result = await runIngestKills({
  seed: Number(values.seed),
  documents: Math.ceil(kills * 0.8),
  chunks: 800,
  workers: 8,
  kills,
  atOnce: 4,
  embeddingMs: 1_500,
  timeoutMs: 1_800_000,
  progress: (line) => console.log(line),
});
console.log(JSON.stringify(result));
const { ready = 0, worker_lost: lost = 0, ...others } = result.ends;
const most = result.distinctTexts + result.kills * WINDOW;
const faults = [
  ...result.differences,
  ...Object.entries(others).map(([code, count]) => `${count} documents ended as ${code}`),
  ...(result.texts > most ? [`${result.texts} texts were embedded, at most ${most} should be`] : []),
];
console.log(
  `${result.kills} kills: ${ready} documents ready, ${lost} given up as poison, ${faults.length} faults`,
);
for (const fault of faults) console.log(fault);
process.exit(faults.length > 0 ? 1 : 0);

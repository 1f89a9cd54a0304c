import { runUnderNode24 } from './bootstrap.mjs';

await runUnderNode24('supervise.ts', process.argv.slice(2));

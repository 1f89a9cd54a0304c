import { runUnderNode24 } from './bootstrap.mjs';

await runUnderNode24('run-tests.ts', process.argv.slice(2));

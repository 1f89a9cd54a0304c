/**
 * vue-tsc with the workspace's own TypeScript 6: vue-tsc lies in the root's node_modules, where `typescript` is version 7,
 * which has no API that it could use.
 */
import { createRequire } from 'node:module';
import { run } from 'vue-tsc';

run(createRequire(import.meta.url).resolve('typescript/lib/tsc'));

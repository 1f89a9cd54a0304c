/** `npm run docs:config`: writes docs/configuration.md and .env.example from the schemas in the config.ts files. */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { renderExample, renderMarkdown } from './render-configuration.ts';
import { readVariables } from './variables.ts';

const ROOT = dirname(dirname(import.meta.dirname));
const page = join(ROOT, 'docs/configuration.md');

const reference = readVariables();
writeFileSync(page, renderMarkdown(reference, readFileSync(page, 'utf8')));
writeFileSync(join(ROOT, '.env.example'), renderExample(reference));

/** `npm run docs:config`: writes docs/configuration.md and .env.example from the schemas in the config.ts files. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readPage, ROOT } from './pages.ts';
import { renderExample, renderMarkdown } from './render-configuration.ts';
import { readVariables } from './variables.ts';

const page = 'docs/configuration.md';
const reference = readVariables();
writeFileSync(join(ROOT, page), renderMarkdown(reference, readPage(page)));
writeFileSync(join(ROOT, '.env.example'), renderExample(reference));

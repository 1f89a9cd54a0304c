import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { DEFAULT_LOAD, size } from '../../deploy/sizing/arithmetic.ts';
import { FIGURES } from '../../deploy/sizing/figures.ts';
import { fillPage } from '../../deploy/sizing/render.ts';
import { readPage, ROOT } from './pages.ts';

const PAGE = 'docs/operations/sizing.md';

describe('sizing', () => {
  it('the tables of the page are what the arithmetic gives', () => {
    assert.equal(readPage(PAGE), fillPage(readPage(PAGE)), `Run npm run docs:sizing and commit ${PAGE}.`);
  });

  it('every figure is still what its page says', () => {
    for (const [name, { page, quote }] of Object.entries(FIGURES))
      assert.ok(
        readPage(page).replaceAll(/\s+/g, ' ').includes(quote),
        `${name}: ${page} no longer says "${quote}". Bring deploy/sizing/figures.ts up to date.`,
      );
  });

  it('counts as one would by hand', () => {
    // 1,000 × 30 events; 0.37 cores for 15,000 of them are 0.74 cores, at 60 % two processes, and a spare one.
    const need = size(DEFAULT_LOAD);
    assert.equal(need.eventsPerSecond, 30_000);
    assert.equal(need.gateways, 3);
    assert.equal(need.chatWorkers, 4);
    // An hour of 30,000 × 0.5 events a second, and half an answer of each stream under way, 55 bytes each.
    assert.equal(need.logBytes, (30_000 * 0.5 * 3_600 + 1_000 * 250) * 55);
    assert.deepEqual(need.limits, []);
  });

  it('asks for more of everything when more streams, and for no less Redis when answers are longer', () => {
    const [small, large] = [size(DEFAULT_LOAD), size({ ...DEFAULT_LOAD, streams: 50_000 })];
    for (const field of ['gateways', 'chatWorkers', 'masters', 'logBytes', 'connectionsPerMaster'] as const)
      assert.ok(large[field] > small[field], field);
    assert.ok(size({ ...DEFAULT_LOAD, eventsPerAnswer: 5_000 }).logBytes > small.logBytes);
    assert.ok(
      size({ ...DEFAULT_LOAD, streams: 1e6 }).limits.length > 0,
      'and says where one installation ends',
    );
  });

  it('takes numbers on the command line, and no others', () => {
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [join(ROOT, 'deploy/size.ts'), ...args], { encoding: 'utf8' });
    const { status, stdout } = run('--streams', '5000', '--chunks', '1000000', '--dimensions', '1024');
    assert.equal(status, 0);
    assert.match(stdout, /^\| streams at the same time \| 5,000 \|$/m);
    assert.match(stdout, /^\| 1,000,000 \| 1\.54 GB, 10\.2 GB \|$/m);
    const refused = run('--streams', 'many');
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /--streams must be a number above 0, not many/);
  });
});

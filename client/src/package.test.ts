import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { CHAT_ID, renderStream, TEXT } from '../test/recorded-chat.ts';
import { beginStream, startScriptedServer } from '../test/scripted-server.ts';

const CLIENT = dirname(import.meta.dirname);
const MODULES = join(dirname(CLIENT), 'node_modules');
const run = promisify(execFile);

const PROGRAM = `
import { createClient, SluiceApiError, SluiceConnectionError } from '@sluice/client';
const { chat } = createClient({ baseUrl: process.argv[2] });
const stream = chat.stream({ messages: [{ role: 'user', content: 'Hello?' }] });
console.log(JSON.stringify({ id: await stream.id, text: await stream.text() }));
if (!(SluiceApiError.prototype instanceof Error && SluiceConnectionError.prototype instanceof Error)) process.exit(1);
`;
const TYPED_PROGRAM = `
import { createClient } from '@sluice/client';
import type { ChatEvent, ChatStream } from '@sluice/client';
const stream: ChatStream = createClient({ baseUrl: '' }).chat.stream({ messages: [{ role: 'user', content: 'x' }] });
for await (const event of stream) {
  const checked: ChatEvent = event;
  if (checked.type === 'content') checked.content.toUpperCase();
  // @ts-expect-error an event that does not exist
  if (checked.type === 'nothing') break;
}
`;
const TSCONFIG = {
  compilerOptions: {
    module: 'nodenext',
    target: 'es2022',
    lib: ['es2022', 'dom'],
    types: [],
    strict: true,
    noEmit: true,
  },
};

/** Installed into an empty folder from a tarball, as users get it, without a network. */
describe('package', () => {
  let dir: string;
  let app: string;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sluice-client-'));
    app = join(dir, 'app');
    // Built from a copy: the working tree stays as it is.
    const copy = join(dir, 'client');
    const isOutput = (path: string) => /client\/(?:dist|node_modules)$/.test(path);
    await cp(CLIENT, copy, { recursive: true, filter: (path) => !isOutput(path) });
    await symlink(MODULES, join(dir, 'node_modules'));
    await mkdir(app);
    await npm(['pack', '--pack-destination', app], copy);
    // Two tarballs, because offline npm has no registry to ask for the dependency.
    await npm(['pack', '--ignore-scripts', '--pack-destination', app], join(MODULES, 'eventsource-parser'));
    const tarballs = (await readdir(app)).map((name) => `./${name}`);
    assert.equal(tarballs.length, 2);
    await writeFile(join(app, 'package.json'), '{"private":true,"type":"module"}');
    await npm(['install', '--offline', '--no-audit', '--no-fund', ...tarballs], app);
  });
  after(() => rm(dir, { recursive: true, force: true }));

  const npm = (args: string[], cwd: string) => run('npm', args, { cwd });

  it('holds what is needed and no more', async () => {
    const root = join(app, 'node_modules/@sluice/client');
    const names = (await readdir(root, { recursive: true })).filter((name) => /\.\w+$/.test(name));
    for (const name of ['package.json', 'README.md', 'dist/index.js', 'dist/index.d.ts', 'src/index.ts'])
      assert.ok(names.includes(name), `${name} is in ${names.join(' ')}`);
    assert.ok(!names.some((name) => /test/.test(name)), names.join(' '));
    for (const name of names.filter((file) => /dist\/.*\.js$/.test(file)))
      assert.doesNotMatch(await readFile(join(root, name), 'utf8'), /from '(?:node:|@sluice)|\.ts'/, name);
    const { dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
      dependencies: object;
    };
    assert.deepEqual(dependencies, { 'eventsource-parser': '4.1.3' });
  });

  it('runs under plain Node, this one and the one of the system', async () => {
    await using server = await startScriptedServer((_request, response) => {
      beginStream(response, renderStream(), { 'x-chat-id': CHAT_ID });
      response.end();
    });
    await writeFile(join(app, 'program.js'), PROGRAM);
    for (const node of await findNodes()) {
      const { stdout } = await run(node, ['program.js', server.url], { cwd: app });
      assert.deepEqual(JSON.parse(stdout), { id: CHAT_ID, text: TEXT }, node);
    }
  });

  it('has types that hold without those of Node', async () => {
    await writeFile(join(app, 'program.ts'), TYPED_PROGRAM);
    await writeFile(join(app, 'tsconfig.json'), JSON.stringify({ ...TSCONFIG, include: ['program.ts'] }));
    const result = await run(join(MODULES, '.bin/tsc'), ['-p', '.'], { cwd: app }).catch(
      (error: { stdout: string }) => error,
    );
    assert.equal(result.stdout, '');
  });
});

/** This Node, and those on the PATH that the package is for. */
async function findNodes(): Promise<string[]> {
  const nodes = [process.execPath];
  const folders = new Set(
    (process.env['PATH'] ?? '').split(':').filter((folder) => !/node_modules/.test(folder)),
  );
  for (const folder of folders) {
    const node = join(folder, 'node');
    const version = await run(node, ['-p', 'process.versions.node']).catch(() => undefined);
    if (Number.parseInt(version?.stdout ?? '0', 10) >= 20) nodes.push(node);
  }
  return nodes;
}

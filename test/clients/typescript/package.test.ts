import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { build, type Rolldown } from 'vite';
import { beforeAll, describe, expect, it } from 'vitest';
import packageJson from '../../../clients/typescript/package.json' with { type: 'json' };

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const CLIENT = join(ROOT, 'clients/typescript');
/** The limit for what a page loads, without graphql-ws. */
const MAX_GZIPPED_BYTES = 8_000;
const EXTERNAL = [...Object.keys(packageJson.dependencies), ...Object.keys(packageJson.peerDependencies)];

/** The size of an entry point with all its modules, as a page loads it. */
async function measure(entry: string): Promise<number> {
  const { output } = (await build({
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      target: 'es2022',
      rolldownOptions: {
        input: join(CLIENT, 'src', entry),
        preserveEntrySignatures: 'strict',
        external: (id) => EXTERNAL.some((name) => id === name || id.startsWith(`${name}/`)),
      },
    },
  }).then((results) => (Array.isArray(results) ? results[0] : results))) as Rolldown.RolldownOutput;
  return gzipSync(output.map((file) => (file.type === 'chunk' ? file.code : '')).join('')).byteLength;
}

describe('the package of the client', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'chatgraph-client-'));
    const tsc = join(ROOT, 'node_modules/.bin/tsc');
    await promisify(execFile)(tsc, ['-p', join(CLIENT, 'tsconfig.build.json'), '--outDir', join(folder, 'dist')]);
    for (const name of ['package.json', 'README.md']) await cp(join(CLIENT, name), join(folder, name));
    return () => rm(folder, { recursive: true });
  });

  it('has no problem that publint finds', async () => {
    const { messages } = await publint({ pkgDir: folder, level: 'suggestion', strict: true, pack: false });
    expect(messages.map((message) => formatMessage(message, packageJson))).toEqual([]);
  });

  it(`has at most ${MAX_GZIPPED_BYTES} gzipped bytes without graphql-ws`, async () => {
    expect(await measure('chatgraph.ts')).toBeLessThanOrEqual(MAX_GZIPPED_BYTES);
  });

  it.each(['clients/typescript', 'test/clients', 'docs/examples'])('has no type errors in %s', async (project) => {
    const tsc = join(ROOT, 'node_modules/.bin/tsc');
    await promisify(execFile)(tsc, ['--noEmit', '--incremental', 'false', '-p', join(ROOT, project)]);
  });

  it('imports only packages that it names', async () => {
    const { stdout } = await promisify(execFile)('grep', ['-rhoE', "from '[^.'][^']*'", join(folder, 'dist')]);
    const names = [...stdout.matchAll(/from '((?:@[^/']+\/)?[^/']+)/g)].map(([, name = '']) => name);
    expect(names.length).toBeGreaterThan(0);
    expect([...new Set(names)].filter((name) => !EXTERNAL.includes(name))).toEqual([]);
  });
});

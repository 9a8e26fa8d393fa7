import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const DIST = join(ROOT, 'src/web/dist');
const MAX_GZIPPED_BYTES = 60_000;

async function readFolder(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const names = files.map(({ parentPath, name }) => relative(folder, join(parentPath, name))).sort();
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const)),
  );
}

describe('the committed pages', () => {
  it('equal the output of `npm run build:web`, byte for byte', { timeout: 60_000 }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chatgraph-web-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    // The build runs in its own process, because Vitest sets NODE_ENV, which is built into the bundle.
    const { HOME = '', PATH = '' } = process.env;
    const build = (outDir: string, ...options: string[]) => {
      const args = [join(ROOT, 'node_modules/vite/bin/vite.js'), 'build', '--outDir', outDir, ...options];
      return promisify(execFile)(process.execPath, args, { cwd: ROOT, env: { HOME, PATH } });
    };
    await build(folder);
    await build(join(folder, 'reference'), '-c', 'vite.reference.config.ts');
    const [built, committed] = [await readFolder(folder), await readFolder(DIST)];
    expect([...built.keys()]).toEqual([...committed.keys()]);
    // Compared one by one, because the difference of two files of megabytes would take minutes to print.
    for (const [name, text] of built) expect([name, text === committed.get(name)]).toEqual([name, true]);
  });

  it('contain a small chat page, without URLs that make it send requests to other hosts', async () => {
    const script = await readFile(join(DIST, 'chat.js'));
    expect(gzipSync(script).byteLength).toBeLessThan(MAX_GZIPPED_BYTES);
    const style = await readFile(join(DIST, 'chat.css'), 'utf8');
    expect(style).not.toMatch(/url\(|@import/);
    // XML namespaces and the address of a bug tracker, to which no requests are made.
    const hosts = [...String(script).matchAll(/https?:\/\/([\w.-]+)/g)].map(([, host]) => host);
    expect([...new Set(hosts)].sort()).toEqual(['github.com', 'www.w3.org']);
  });
});

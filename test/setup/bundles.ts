import { mkdtemp } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, parse } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Plugin } from 'vite';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The scripts that tests run in many processes. */
const SCRIPTS = ['bin/chatgraph.js', 'test/helpers/preload.ts', 'test/process/crashing-gateway.ts'];

/** Returns the path of a script's bundle, or of the script itself if it is not one of `SCRIPTS`. */
export const bundleOf = (script: string, folder: string): string =>
  SCRIPTS.includes(script) ? join(folder, `${parse(script).name}.js`) : script;

/** Lets bundled modules find the files beside their sources. */
const keepImportMetaUrl: Plugin = {
  name: 'keep-import-meta-url',
  enforce: 'pre',
  transform(code, id) {
    if (!code.includes('import.meta.url')) return undefined;
    return code.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(id).href));
  },
};

/**
 * Bundles the scripts with all their packages: a process loads a few files in half the time of two thousand modules.
 * Returns the folder of the bundles, which the caller deletes.
 */
export async function bundleScripts(): Promise<string> {
  // Vite is imported only here, because every test process loads this module.
  const { build } = await import('vite');
  // The folder is within the project, because the bundles must find the packages with native parts, which they do not
  // contain.
  const folder = await mkdtemp(join(ROOT, 'node_modules', '.test-bundles-'));
  await build({
    root: ROOT,
    configFile: false,
    logLevel: 'error',
    plugins: [keepImportMetaUrl],
    // Every import of graphql gets the file that Node's `require` finds, because two copies of graphql in one process
    // refuse each other's schemas.
    resolve: { alias: [{ find: /^graphql$/, replacement: createRequire(ROOT).resolve('graphql') }] },
    ssr: { noExternal: true, external: ['better-sqlite3'] },
    build: {
      ssr: true,
      outDir: folder,
      emptyOutDir: false,
      minify: false,
      target: 'node24',
      rolldownOptions: {
        input: SCRIPTS.map((script) => join(ROOT, script)),
        output: { entryFileNames: '[name].js' },
      },
    },
  });
  return folder;
}

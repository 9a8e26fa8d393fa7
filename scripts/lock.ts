import { readFile, writeFile } from 'node:fs/promises';

/**
 * Writes into package-lock.json what npm leaves out: better-sqlite3 ships its binaries, and says so by
 * `"gypfile": false`. Without that in the lock `npm ci` tries to compile it, and fails where there is no compiler.
 * Run it after any change of dependencies: `npm install && npm run lock`.
 */
const path = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(await readFile(path, 'utf8')) as { packages: Record<string, { gypfile?: boolean }> };
const entry = lock.packages['node_modules/better-sqlite3'];
if (entry === undefined) throw new Error('better-sqlite3 is not in package-lock.json');
entry.gypfile = false;
await writeFile(path, `${JSON.stringify(lock, null, 2)}\n`);

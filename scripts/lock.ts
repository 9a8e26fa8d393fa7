import { readFile, writeFile } from 'node:fs/promises';

/**
 * Adds a property to package-lock.json that npm omits: better-sqlite3 ships its binaries, and declares that with
 * `"gypfile": false`. Without it in the lock file, `npm ci` tries to compile the package, and fails if there is no
 * compiler. Run it after any change of dependencies: `npm install && npm run lock`.
 */
const path = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(await readFile(path, 'utf8')) as { packages: Record<string, { gypfile?: boolean }> };
const entry = lock.packages['node_modules/better-sqlite3'];
if (entry === undefined) throw new Error('better-sqlite3 is not in package-lock.json');
entry.gypfile = false;
await writeFile(path, `${JSON.stringify(lock, null, 2)}\n`);

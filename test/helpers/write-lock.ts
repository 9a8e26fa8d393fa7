import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { onTestFinished } from 'vitest';

const DRIVER = createRequire(import.meta.url).resolve('better-sqlite3');
const LOCK_SCRIPT = `
  const db = require(${JSON.stringify(DRIVER)})(process.argv[1], { timeout: 10000 });
  db.exec('begin immediate');
  process.stdout.write('locked');
  process.stdin.on('data', () => { db.exec('rollback'); process.exit(); });`;

/** Takes the write lock of a SQLite file in another process, and returns a function that releases it. */
export async function holdWriteLock(path: string): Promise<() => Promise<void>> {
  const holder = spawn(process.execPath, ['-e', LOCK_SCRIPT, path], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void holder.kill('SIGKILL'));
  await once(holder.stdout, 'data');
  return async () => {
    const exited = once(holder, 'exit');
    holder.stdin.write('go');
    await exited;
  };
}

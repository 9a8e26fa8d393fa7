import { chmodSync, closeSync, constants, mkdirSync, openSync, readdirSync, type Stats, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';

/** Reports files and folders that other users could read or write, and whether their permissions have been fixed. */
export type ReportExposed = (exposed: { readonly paths: readonly string[]; readonly isNarrowed: boolean }) => void;

const OTHERS = 0o077;
const PRIVATE_FOLDER = 0o700;
const PRIVATE_FILE = 0o600;

/**
 * Creates a folder that only its owner may enter, with all missing folders above it; an existing folder does not
 * change.
 */
export function makePrivateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: PRIVATE_FOLDER });
}

/**
 * Creates an empty file that only its owner may read, whatever the umask; an existing file does not change. SQLite
 * copies the database file's permissions to the files beside it.
 */
export function makePrivateFile(path: string): void {
  closeSync(openSync(path, constants.O_CREAT | constants.O_WRONLY | constants.O_APPEND, PRIVATE_FILE));
}

/** The path of the lock file of a database: a process locks it while it has the database open. */
export function lockPathOf(path: string): string {
  return `${path.replace(/\.db$/, '')}.lock`;
}

/**
 * Removes the permissions of all users but the owner from the folder of a database and its files, and reports those
 * that were open to others. Skips a folder that others may need, such as a home, the working directory or a folder
 * above them, or `/tmp`, and the files in it that are not the gateway's. What another user owns is only reported. Does
 * nothing on Windows, which has no such permissions.
 * @param path the database.
 */
export function restrictFiles(path: string, report: ReportExposed): void {
  const user = process.getuid?.();
  if (user === undefined) return;
  const folder = dirname(path);
  const isOwnFolder = !isSharedFolder(folder, user);
  const lockPath = lockPathOf(path);
  const own = ['-wal', '-shm', '-journal'].map((ending) => `${path}${ending}`);
  const files = isOwnFolder
    ? readdirSync(folder).map((name) => join(folder, name))
    : [path, ...own, lockPath, `${lockPath}-journal`, join(folder, 'secret.key')];
  const restricted: string[] = [];
  const exposed: string[] = [];
  for (const each of isOwnFolder ? [folder, ...files] : files) {
    const stats = statSync(each, { throwIfNoEntry: false });
    const isOpen = stats !== undefined && (stats.isFile() || each === folder) && (stats.mode & OTHERS) !== 0;
    if (isOpen) (restrictToOwner(each, stats, user) ? restricted : exposed).push(each);
  }
  if (restricted.length > 0) report({ paths: restricted, isNarrowed: true });
  if (exposed.length > 0) report({ paths: exposed, isNarrowed: false });
}

function restrictToOwner(path: string, stats: Stats, user: number): boolean {
  if (stats.uid !== user) return false;
  try {
    chmodSync(path, stats.mode & 0o7700);
    return true;
  } catch {
    // A file system without such permissions, or a read-only one.
    return false;
  }
}

/** Whether other programs may need a folder. */
function isSharedFolder(folder: string, user: number): boolean {
  const { mode, uid } = statSync(folder);
  const isSticky = (mode & 0o1000) !== 0;
  const contains = (inner: string) => !relative(folder, resolve(inner)).startsWith('..');
  return isSticky || uid !== user || contains(homedir()) || contains(process.cwd());
}

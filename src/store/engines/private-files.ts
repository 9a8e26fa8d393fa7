import { chmodSync, closeSync, constants, mkdirSync, openSync, readdirSync, type Stats, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';

/**
 * Reports files and folders that other users could read or write. `isRestricted` tells whether the gateway has removed
 * the permissions of these users.
 */
export type ReportExposedFiles = (exposed: {
  readonly paths: readonly string[];
  readonly isRestricted: boolean;
}) => void;

const OTHERS_PERMISSIONS = 0o077;
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

/** The path of the lock file of a database. A gateway or a copy locks the file while it has the database open. */
export function lockPathOf(path: string): string {
  return `${path.replace(/\.db$/, '')}.lock`;
}

/**
 * Removes the permissions of other users from the folder of a database and the files in it, and reports the files and
 * folders that other users could access. In a folder that other programs may need (a home, the working directory, a
 * folder above them, `/tmp`), only the gateway's own files change. A file of another owner is only reported.
 * Does nothing on Windows, which has no such permissions.
 * @param path the path of the database file.
 */
export function restrictFiles(path: string, report: ReportExposedFiles): void {
  const user = process.getuid?.();
  if (user === undefined) return;
  const folder = dirname(path);
  const isOwnFolder = !isSharedFolder(folder, user);
  const lockPath = lockPathOf(path);
  const sqliteFiles = ['-wal', '-shm', '-journal'].map((ending) => `${path}${ending}`);
  const files = isOwnFolder
    ? readdirSync(folder).map((name) => join(folder, name))
    : [path, ...sqliteFiles, lockPath, `${lockPath}-journal`, join(folder, 'secret.key')];
  const restricted: string[] = [];
  const exposed: string[] = [];
  for (const file of isOwnFolder ? [folder, ...files] : files) {
    const stats = statSync(file, { throwIfNoEntry: false });
    const isExposed =
      stats !== undefined && (stats.isFile() || file === folder) && (stats.mode & OTHERS_PERMISSIONS) !== 0;
    if (isExposed) (restrictToOwner(file, stats, user) ? restricted : exposed).push(file);
  }
  if (restricted.length > 0) report({ paths: restricted, isRestricted: true });
  if (exposed.length > 0) report({ paths: exposed, isRestricted: false });
}

function restrictToOwner(path: string, stats: Stats, user: number): boolean {
  if (stats.uid !== user) return false;
  try {
    chmodSync(path, stats.mode & 0o7700);
    return true;
  } catch {
    // The file system has no such permissions, or is read-only.
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

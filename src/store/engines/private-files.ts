import { chmodSync, closeSync, constants, mkdirSync, openSync, readdirSync, type Stats, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';

/** Told of files and folders that others could read or write: which, and whether that is over. */
export type ReportExposed = (found: { readonly paths: readonly string[]; readonly isNarrowed: boolean }) => void;

const OTHERS = 0o077;
const PRIVATE_FOLDER = 0o700;
const PRIVATE_FILE = 0o600;

/** Makes a folder that only its owner may enter, with all above it that is missing; one that is there stays as it is. */
export function makePrivateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: PRIVATE_FOLDER });
}

/**
 * Makes an empty file that only its owner may read, whatever the umask; one that is there stays as it is. SQLite gives the
 * files that it keeps beside a database the rights of that.
 */
export function makePrivateFile(path: string): void {
  closeSync(openSync(path, constants.O_CREAT | constants.O_WRONLY | constants.O_APPEND, PRIVATE_FILE));
}

/** The file that says which process has a database open. */
export function lockPathOf(path: string): string {
  return `${path.replace(/\.db$/, '')}.lock`;
}

/**
 * Takes the folder of a database and all files in it from everybody but their owner, and tells of those that were open to
 * others. A folder that others may need as well, such as a home, the working directory or one above them, or `/tmp`, stays
 * as it is, and so does what in it is not the gateway's. What belongs to another user is only told
 * of. Does nothing on Windows, which has no such rights.
 * @param path the database.
 */
export function narrowFiles(path: string, report: ReportExposed): void {
  const user = process.getuid?.();
  if (user === undefined) return;
  const folder = dirname(path);
  const isOwnFolder = !isSharedFolder(folder, user);
  const lockPath = lockPathOf(path);
  const own = ['-wal', '-shm', '-journal'].map((ending) => `${path}${ending}`);
  const files = isOwnFolder
    ? readdirSync(folder).map((name) => join(folder, name))
    : [path, ...own, lockPath, `${lockPath}-journal`, join(folder, 'secret.key')];
  const narrowed: string[] = [];
  const exposed: string[] = [];
  for (const each of isOwnFolder ? [folder, ...files] : files) {
    const stats = statSync(each, { throwIfNoEntry: false });
    const isOpen = stats !== undefined && (stats.isFile() || each === folder) && (stats.mode & OTHERS) !== 0;
    if (isOpen) (narrow(each, stats, user) ? narrowed : exposed).push(each);
  }
  if (narrowed.length > 0) report({ paths: narrowed, isNarrowed: true });
  if (exposed.length > 0) report({ paths: exposed, isNarrowed: false });
}

function narrow(path: string, stats: Stats, user: number): boolean {
  if (stats.uid !== user) return false;
  try {
    chmodSync(path, stats.mode & 0o7700);
    return true;
  } catch {
    // A file system that has no such rights, or is read alone.
    return false;
  }
}

/** Whether a folder may be of use to others than the gateway. */
function isSharedFolder(folder: string, user: number): boolean {
  const { mode, uid } = statSync(folder);
  const isSticky = (mode & 0o1000) !== 0;
  const holds = (inner: string) => !relative(folder, resolve(inner)).startsWith('..');
  return isSticky || uid !== user || holds(homedir()) || holds(process.cwd());
}

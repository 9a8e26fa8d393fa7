import { statfs } from 'node:fs/promises';
import type { Handle } from './sqlite-driver.ts';

/** The space that a file needs for the next writes. */
const MIN_FREE_BYTES = 1024 * 1024;

/**
 * Returns whether an SQLite file can grow: by its limit of pages, and by the free space of its disk. The write-ahead
 * log still takes small writes on a full disk, and refuses larger ones.
 */
export async function hasFreeSpace(handle: Handle, path: string): Promise<boolean> {
  const [maxPages, pages, freePages, pageSize] = ['max_page_count', 'page_count', 'freelist_count', 'page_size'].map(
    (name) => Number(handle.pragma(name, { simple: true })),
  ) as [number, number, number, number];
  if ((maxPages - pages + freePages) * pageSize < MIN_FREE_BYTES) return false;
  // Some network file systems do not know their size.
  const disk = await statfs(path).catch(() => undefined);
  if (disk === undefined || disk.blocks === 0) return true;
  const freeBlocks = process.getuid?.() === 0 ? disk.bfree : disk.bavail;
  return freeBlocks * disk.bsize >= MIN_FREE_BYTES;
}

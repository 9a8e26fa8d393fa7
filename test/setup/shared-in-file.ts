import { afterAll } from 'vitest';

/** Something that the tests of a file share. */
interface Shared {
  close(): Promise<void>;
}

const sharedByName = new Map<string, Promise<Shared>>();

/** Returns what the tests of this file share under a name; the first call opens it. It is closed after the file. */
export function shareInFile<T extends Shared>(name: string, open: () => Promise<T>): Promise<T> {
  const shared = (sharedByName.get(name) as Promise<T> | undefined) ?? open();
  sharedByName.set(name, shared);
  return shared;
}

/** Closes what a file has shared. The setup file calls this once for each test file. */
export function closeSharedAfterFile(): void {
  afterAll(async () => {
    const shared = [...sharedByName.values()];
    sharedByName.clear();
    for (const each of shared) await (await each).close();
  });
}

/** A place for short texts that outlives the page. */
export interface TextStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** One value of the client, kept in memory, and in a storage if there is one. */
export interface StoredValue<Value> {
  /** Reads the value, which another tab may have changed; undefined if there is none. */
  read(): Value | undefined;
  write(value: Value | undefined): void;
}

/** Finds the storage that all tabs of the page's origin share; undefined where there is none, as in Node. */
export function findLocalStorage(): TextStorage | undefined {
  try {
    // Node has a `localStorage` too, which needs an option and is no storage of a page.
    return typeof document === 'undefined' ? undefined : globalThis.localStorage;
  } catch {
    // The browser forbids storage.
    return undefined;
  }
}

/** Opens a value by its key. A storage that is full or broken is ignored: the value then lives in memory only. */
export function openStoredValue<Value>(storage: TextStorage | undefined, key: string): StoredValue<Value> {
  let memory: Value | undefined;
  let isStored = storage !== undefined;
  return {
    read() {
      if (!isStored) return memory;
      try {
        const text = storage?.getItem(key);
        return text ? (JSON.parse(text) as Value) : undefined;
      } catch {
        return memory;
      }
    },
    write(value) {
      memory = value;
      try {
        if (value === undefined) storage?.removeItem(key);
        else storage?.setItem(key, JSON.stringify(value));
      } catch {
        isStored = false;
      }
    },
  };
}

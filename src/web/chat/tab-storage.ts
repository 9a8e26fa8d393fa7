/** The page's storage, which lasts as long as its tab. */
export interface TabStorage {
  read<Value>(key: string): Value | undefined;
  write(key: string, value: unknown): void;
  remove(key: string): void;
  /** The values of all keys with a prefix, in the order of the keys. */
  list<Value>(prefix: string): Value[];
  /** Deletes everything. */
  clear(): void;
}

/** Opens the storage of one chatbot's page. If the browser denies storage, the values last only as long as the page. */
export function openTabStorage(slug: string): TabStorage {
  const storage = openStorage();
  const keyPrefix = `chatgraph.${slug}.`;

  function parse<Value>(text: string | null | undefined): Value | undefined {
    try {
      return text ? (JSON.parse(text) as Value) : undefined;
    } catch {
      return undefined;
    }
  }

  return {
    read: <Value>(key: string) => parse<Value>(storage.get(keyPrefix + key)),
    write: (key, value) => storage.set(keyPrefix + key, JSON.stringify(value)),
    remove: (key) => storage.remove(keyPrefix + key),
    list: <Value>(prefix: string) =>
      storage
        .keys()
        .filter((key) => key.startsWith(keyPrefix + prefix))
        .sort()
        .flatMap((key) => parse<Value>(storage.get(key)) ?? []),
    clear() {
      for (const key of storage.keys()) if (key.startsWith(keyPrefix)) storage.remove(key);
    },
  };
}

function openStorage() {
  const memory = new Map<string, string>();
  try {
    const { sessionStorage } = window;
    sessionStorage.setItem('chatgraph', '');
    sessionStorage.removeItem('chatgraph');
    return {
      get: (key: string) => sessionStorage.getItem(key),
      set(key: string, text: string) {
        try {
          sessionStorage.setItem(key, text);
        } catch {
          // The storage is full. The page still works, but loses its state when it is reloaded.
        }
      },
      remove: (key: string) => sessionStorage.removeItem(key),
      keys: () => Object.keys(sessionStorage),
    };
  } catch {
    return {
      get: (key: string) => memory.get(key),
      set: (key: string, text: string) => void memory.set(key, text),
      remove: (key: string) => void memory.delete(key),
      keys: () => [...memory.keys()],
    };
  }
}

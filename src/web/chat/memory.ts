/** What the browser keeps for the page between its visits. */
export interface Memory {
  read<Value>(key: string): Value | undefined;
  write(key: string, value: unknown): void;
  remove(key: string): void;
  /** What was written under keys that begin so, in the order of the keys. */
  list<Value>(prefix: string): Value[];
}

/** Opens the memory of one chatbot's page; where the browser refuses to keep anything, it lasts as long as the page. */
export function openMemory(chatbotId: string): Memory {
  const storage = openStorage();
  const base = `chatgraph.${chatbotId}.`;

  function parse<Value>(text: string | null | undefined): Value | undefined {
    try {
      return text ? (JSON.parse(text) as Value) : undefined;
    } catch {
      return undefined;
    }
  }

  return {
    read: <Value>(key: string) => parse<Value>(storage.get(base + key)),
    write: (key, value) => storage.set(base + key, JSON.stringify(value)),
    remove: (key) => storage.remove(base + key),
    list: <Value>(prefix: string) =>
      storage
        .keys()
        .filter((key) => key.startsWith(base + prefix))
        .sort()
        .flatMap((key) => parse<Value>(storage.get(key)) ?? []),
  };
}

function openStorage() {
  const texts = new Map<string, string>();
  try {
    const { localStorage } = window;
    localStorage.setItem('chatgraph', '');
    localStorage.removeItem('chatgraph');
    return {
      get: (key: string) => localStorage.getItem(key),
      set(key: string, text: string) {
        try {
          localStorage.setItem(key, text);
        } catch {
          // It is full: what is on the page stays there.
        }
      },
      remove: (key: string) => localStorage.removeItem(key),
      keys: () => Object.keys(localStorage),
    };
  } catch {
    return {
      get: (key: string) => texts.get(key),
      set: (key: string, text: string) => void texts.set(key, text),
      remove: (key: string) => void texts.delete(key),
      keys: () => [...texts.keys()],
    };
  }
}

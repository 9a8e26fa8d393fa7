import { UnreachableError } from './failures.ts';

/** The page's credential. */
export interface Session {
  /** The key to ask with; fetched when there is none. @throws UnreachableError, RefusedError */
  key(): Promise<string>;
  /** Forgets a key that was refused: a restarted gateway knows only new ones. */
  forget(key: string): void;
}

/** Makes the session of one page. The key is held in memory only. */
export function createSession(chatbotId: string): Session {
  let current: Promise<string> | undefined;

  async function fetchKey(): Promise<string> {
    const response = await fetch(`/chat/${chatbotId}/session`, { method: 'POST' }).catch(() => undefined);
    if (!response?.ok) throw new UnreachableError();
    const { key } = (await response.json()) as { key: string };
    return key;
  }

  return {
    key() {
      if (current === undefined) {
        const fetching = fetchKey();
        current = fetching;
        fetching.catch(() => {
          if (current === fetching) current = undefined;
        });
      }
      return current;
    },
    forget(key) {
      const given = current;
      given?.then(
        (text) => {
          if (text === key && current === given) current = undefined;
        },
        () => {},
      );
    },
  };
}

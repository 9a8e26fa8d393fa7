/**
 * Broadcasts changes to the other processes. An announcement reaches each reachable process at most once, without a
 * guarantee: a listener that depends on announcements also reads the store when it may have missed one.
 */
export interface Announcements {
  /** Announces a short text to every other process, not to this one. */
  announce(kind: AnnouncementKind, text: string): void;
  /** Calls `listener` with the announcements of other processes. */
  on(kind: AnnouncementKind, listener: (text: string) => void): void;
  /**
   * Calls `listener` whenever announcements may have been missed, and every few seconds while the other processes are
   * unreachable.
   */
  onMissed(listener: () => void): void;
}

/**
 * The kinds of announcements, each with its text in parentheses: an API key was revoked or changed (the key's id), a
 * member was deactivated or reactivated (the member's id), someone has
 * started or stopped typing (the conversation, the role and the state as JSON), a reply should stop (its message's id),
 * an account has changed its provider keys (the account's id), what ends sessions or which origins may start them has
 * changed (an empty text).
 */
export type AnnouncementKind = 'revoked' | 'member' | 'typing' | 'stop' | 'provider-keys' | 'sessions';

/** Creates the announcements of a single process: there is no other process to receive them. */
export function createMemoryAnnouncements(): Announcements {
  return { announce() {}, on() {}, onMissed() {} };
}

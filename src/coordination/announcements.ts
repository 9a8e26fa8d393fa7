/**
 * Tells the other processes what has happened here. It reaches those that can be reached now, each once at most, and
 * promises nothing: whoever depends on it also looks at the truth when it may have missed something.
 */
export interface Announcements {
  /** Tells every other process, not this one. Any text will do, but a short one. */
  announce(kind: AnnouncementKind, text: string): void;
  /** Calls `listener` with what other processes announce. */
  on(kind: AnnouncementKind, listener: (text: string) => void): void;
  /** Calls `listener` whenever announcements may have been missed, and every few seconds for as long as they are. */
  onMissed(listener: () => void): void;
}

/**
 * What is announced: that an API key was revoked (its id), that someone types or has stopped, that an answer should stop
 * (its message's id), that an account has changed its access to models (its id).
 */
export type AnnouncementKind = 'revoked' | 'typing' | 'stop' | 'provider-keys';

/** Makes the announcements of a process that is alone: nobody hears them. */
export function createMemoryAnnouncements(): Announcements {
  return { announce() {}, on() {}, onMissed() {} };
}

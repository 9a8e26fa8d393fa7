import type { Announcements } from '../coordination/announcements.ts';
import type { LiveBus } from '../coordination/live-bus.ts';
import { conversationTopic } from '../coordination/topics.ts';
import { TYPING_ROLES, type TypingRole } from '../domain/entities.ts';
import type { Clock } from '../domain/time.ts';

/** Who is typing in which conversation, right now and nowhere kept. */
export interface TypingIndicators {
  /** Notes that someone types, for some seconds unless it is said again; or that they have stopped. */
  set(conversationId: string, role: TypingRole, isTyping: boolean): void;
  /** Who types now. */
  of(conversationId: string): ReadonlySet<TypingRole>;
  /** Ends what is timed. */
  close(): void;
}

/** After so long without a word nobody types any more: who types has to say so every few seconds. */
const LASTS_MS = 6_000;

const NOBODY: ReadonlySet<TypingRole> = new Set();

/** Makes the memory of one process, and tells the others. */
export function createTypingIndicators(bus: LiveBus, clock: Clock, announcements: Announcements): TypingIndicators {
  const typers = new Map<string, Map<TypingRole, { until: number; timer: NodeJS.Timeout }>>();

  function forget(conversationId: string, role: TypingRole): void {
    const roles = typers.get(conversationId);
    clearTimeout(roles?.get(role)?.timer);
    roles?.delete(role);
    if (roles?.size === 0) typers.delete(conversationId);
  }

  function note(conversationId: string, role: TypingRole, isTyping: boolean): void {
    const was = typers.get(conversationId)?.has(role) ?? false;
    forget(conversationId, role);
    if (isTyping) {
      const expire = () => {
        forget(conversationId, role);
        bus.publish(conversationTopic(conversationId));
      };
      const roles = typers.get(conversationId) ?? new Map();
      const timer = setTimeout(expire, LASTS_MS).unref();
      typers.set(conversationId, roles.set(role, { until: clock.monotonicMs() + LASTS_MS, timer }));
    }
    if (was !== isTyping) bus.publish(conversationTopic(conversationId));
  }

  announcements.on('typing', (text) => {
    const { conversationId, role, isTyping } = JSON.parse(text);
    note(conversationId, role, isTyping);
  });

  return {
    set(conversationId, role, isTyping) {
      note(conversationId, role, isTyping);
      announcements.announce('typing', JSON.stringify({ conversationId, role, isTyping }));
    },

    of(conversationId) {
      const roles = typers.get(conversationId);
      if (roles === undefined) return NOBODY;
      const now = clock.monotonicMs();
      return new Set(TYPING_ROLES.filter((role) => (roles.get(role)?.until ?? 0) > now));
    },

    close() {
      for (const [conversationId, roles] of typers) for (const role of [...roles.keys()]) forget(conversationId, role);
    },
  };
}

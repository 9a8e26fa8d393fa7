import type { Announcements } from '../coordination/announcements.ts';
import type { LiveBus } from '../coordination/live-bus.ts';
import { conversationTopic } from '../coordination/topics.ts';
import { TYPING_ROLES, type TypingRole } from '../domain/entities.ts';
import type { Clock } from '../domain/time.ts';

/** The typing indicators of all conversations; memory only, never stored. */
export interface TypingIndicators {
  /** Sets or clears an indicator. A set indicator expires after a few seconds unless it is set again. */
  set(conversationId: string, role: TypingRole, isTyping: boolean): void;
  /** Returns the roles that are typing now. */
  rolesTyping(conversationId: string): ReadonlySet<TypingRole>;
  /** Cancels all timers. */
  close(): void;
}

/** An indicator expires after this time; while someone types, the client sets it again every few seconds. */
const EXPIRY_MS = 6_000;

const NO_ROLES: ReadonlySet<TypingRole> = new Set();

/** Creates the typing indicators of one process, which announces its changes to the other processes. */
export function createTypingIndicators(bus: LiveBus, clock: Clock, announcements: Announcements): TypingIndicators {
  const typers = new Map<string, Map<TypingRole, { expiresAtMs: number; timer: NodeJS.Timeout }>>();

  function clear(conversationId: string, role: TypingRole): void {
    const roles = typers.get(conversationId);
    clearTimeout(roles?.get(role)?.timer);
    roles?.delete(role);
    if (roles?.size === 0) typers.delete(conversationId);
  }

  function apply(conversationId: string, role: TypingRole, isTyping: boolean): void {
    const wasTyping = typers.get(conversationId)?.has(role) ?? false;
    clear(conversationId, role);
    if (isTyping) {
      const expire = () => {
        clear(conversationId, role);
        bus.publish(conversationTopic(conversationId));
      };
      const roles = typers.get(conversationId) ?? new Map<TypingRole, { expiresAtMs: number; timer: NodeJS.Timeout }>();
      const timer = setTimeout(expire, EXPIRY_MS).unref();
      typers.set(conversationId, roles.set(role, { expiresAtMs: clock.monotonicMs() + EXPIRY_MS, timer }));
    }
    if (wasTyping !== isTyping) bus.publish(conversationTopic(conversationId));
  }

  announcements.on('typing', (text) => {
    const { conversationId, role, isTyping } = JSON.parse(text);
    apply(conversationId, role, isTyping);
  });

  return {
    set(conversationId, role, isTyping) {
      apply(conversationId, role, isTyping);
      announcements.announce('typing', JSON.stringify({ conversationId, role, isTyping }));
    },

    rolesTyping(conversationId) {
      const roles = typers.get(conversationId);
      if (roles === undefined) return NO_ROLES;
      const now = clock.monotonicMs();
      return new Set(TYPING_ROLES.filter((role) => (roles.get(role)?.expiresAtMs ?? 0) > now));
    },

    close() {
      for (const [conversationId, roles] of typers) for (const role of [...roles.keys()]) clear(conversationId, role);
    },
  };
}

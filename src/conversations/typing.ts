import type { Announcements } from '../coordination/announcements.ts';
import type { LiveBus } from '../coordination/live-bus.ts';
import { accountTopic, conversationTopic } from '../coordination/topics.ts';
import { type Conversation, TYPING_ROLES, type TypingRole } from '../domain/entities.ts';
import type { Clock } from '../domain/time.ts';

/** A conversation in which someone may be typing. */
export type TypingPlace = Pick<Conversation, 'id' | 'chatbotId' | 'accountId'>;

/** The typing indicators of all conversations; memory only, never stored. */
export interface TypingIndicators {
  /**
   * Sets or clears an indicator. A set indicator expires after a few seconds unless it is set again.
   * @param authorName the name of the person who types, if known.
   */
  set(conversation: TypingPlace, role: TypingRole, isTyping: boolean, authorName?: string): void;
  /** Returns the roles that are typing now, each with the name that was set last; null if unknown. */
  rolesTyping(conversationId: string): ReadonlyMap<TypingRole, string | null>;
  /** Lists the conversations of an account in which someone is typing now. */
  listTyping(accountId: string): TypingPlace[];
  /** Cancels all timers. */
  close(): void;
}

/** A conversation, and who is typing in it. */
interface Typers {
  readonly conversation: TypingPlace;
  readonly roles: Map<TypingRole, Indicator>;
}

interface Indicator {
  readonly expiresAtMs: number;
  readonly timer: NodeJS.Timeout;
  readonly authorName: string | null;
}

/** An indicator expires after this time; while someone types, the client sets it again every few seconds. */
const EXPIRY_MS = 6_000;

const NO_ROLES: ReadonlyMap<TypingRole, string | null> = new Map();

/** Creates the typing indicators of one process, which announces its changes to the other processes. */
export function createTypingIndicators(bus: LiveBus, clock: Clock, announcements: Announcements): TypingIndicators {
  const typers = new Map<string, Typers>();
  const conversationsByAccount = new Map<string, Set<string>>();

  function publish({ id, accountId }: TypingPlace): void {
    bus.publish(conversationTopic(id));
    bus.publish(accountTopic(accountId));
  }

  function clear({ id, accountId }: TypingPlace, role: TypingRole): void {
    const roles = typers.get(id)?.roles;
    clearTimeout(roles?.get(role)?.timer);
    roles?.delete(role);
    if (roles?.size !== 0) return;
    typers.delete(id);
    const conversations = conversationsByAccount.get(accountId);
    conversations?.delete(id);
    if (conversations?.size === 0) conversationsByAccount.delete(accountId);
  }

  function set(conversation: TypingPlace, role: TypingRole, authorName: string | null): void {
    const expire = () => {
      clear(conversation, role);
      publish(conversation);
    };
    const { id, accountId } = conversation;
    const timer = setTimeout(expire, EXPIRY_MS).unref();
    const { roles } = typers.get(id) ?? { roles: new Map() };
    const indicator = { expiresAtMs: clock.monotonicMs() + EXPIRY_MS, timer, authorName };
    typers.set(id, { conversation, roles: roles.set(role, indicator) });
    conversationsByAccount.set(accountId, (conversationsByAccount.get(accountId) ?? new Set()).add(id));
  }

  function apply(conversation: TypingPlace, role: TypingRole, isTyping: boolean, authorName: string | null): void {
    const wasTyping = typers.get(conversation.id)?.roles.has(role) ?? false;
    clear(conversation, role);
    if (isTyping) set(conversation, role, authorName);
    if (wasTyping !== isTyping) publish(conversation);
  }

  function rolesTyping(conversationId: string): ReadonlyMap<TypingRole, string | null> {
    const roles = typers.get(conversationId)?.roles;
    if (roles === undefined) return NO_ROLES;
    const now = clock.monotonicMs();
    return new Map(
      TYPING_ROLES.flatMap((role) => {
        const { expiresAtMs = 0, authorName = null } = roles.get(role) ?? {};
        return expiresAtMs > now ? [[role, authorName] as const] : [];
      }),
    );
  }

  announcements.on('typing', (text) => {
    const { conversationId: id, accountId, chatbotId, role, isTyping, authorName } = JSON.parse(text);
    apply({ id, accountId, chatbotId }, role, isTyping, authorName ?? null);
  });

  return {
    set({ id: conversationId, accountId, chatbotId }, role, isTyping, authorName) {
      apply({ id: conversationId, accountId, chatbotId }, role, isTyping, authorName ?? null);
      const change = { conversationId, accountId, chatbotId, role, isTyping, authorName };
      announcements.announce('typing', JSON.stringify(change));
    },

    rolesTyping,

    listTyping(accountId) {
      const ids = [...(conversationsByAccount.get(accountId) ?? [])];
      return ids.flatMap((id) => (rolesTyping(id).size > 0 ? (typers.get(id)?.conversation ?? []) : []));
    },

    close() {
      for (const { conversation, roles } of [...typers.values()]) {
        for (const role of [...roles.keys()]) clear(conversation, role);
      }
    },
  };
}

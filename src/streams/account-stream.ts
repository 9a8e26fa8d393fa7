import type { Viewer } from '../access/viewer.ts';
import {
  ACCOUNT_POSITION_PATTERN,
  type AccountPosition,
  decodeAccountPosition,
  encodeAccountPosition,
  positionAtHeads,
  readAccountPosition,
} from '../conversations/account-position.ts';
import { CHATBOT_DELETED, EVENTS_LOST, readLoggedEvents } from '../conversations/logged-events.ts';
import { accountTopic } from '../coordination/topics.ts';
import { TYPING_ROLES } from '../domain/entities.ts';
import { BadUserInputError, requireFound } from '../domain/errors.ts';
import type { ConversationEvent } from '../domain/events.ts';
import type { Feed } from '../domain/feed.ts';
import { parseId } from '../domain/ids.ts';
import { toTimestamp } from '../domain/time.ts';
import { findChatbots } from '../store/chatbots.ts';
import { type AccountEvent, readAccountLog } from './account-log.ts';
import type { StreamCursors } from './cursor.ts';
import { type EventSlice, type EventStream, type PositionedEvent, type StreamDeps, subscribe } from './subscribe.ts';

/** The conversations in which someone was last reported as typing, by their ids. */
type ReportedTyping = ReadonlyMap<string, { readonly chatbotId: string; readonly roles: number }>;

/** The position of a subscriber to an account. Its cursors contain only the position in the log. */
interface AccountStreamPosition {
  readonly log: AccountPosition;
  readonly typing: ReportedTyping;
}

/** The chatbots whose events a subscriber receives; `undefined`: all. */
type ChatbotFilter = ReadonlySet<string> | undefined;

const MAX_CHATBOTS = 100;
const CURSOR = new RegExp(`^${ACCOUNT_POSITION_PATTERN}$`);
const NO_TYPING: ReportedTyping = new Map();

/**
 * Subscribes to the logged events of all conversations of an account, or of some of its chatbots, and to typing, but not
 * to the text of replies. The subscription never ends by itself: `ConversationDeleted` reports a deleted chatbot.
 * @param chatbotIds absent: all chatbots that the viewer may see, also those created later.
 * @param after the cursor of the last event received, for any `chatbotIds`; absent: the subscription begins with the
 * next event.
 * @throws NotFoundError, BadUserInputError before the first event.
 */
export async function subscribeToAccount(
  deps: StreamDeps,
  viewer: Viewer,
  { chatbotIds, after }: { chatbotIds?: readonly string[] | null | undefined; after?: string | null | undefined },
  signal: AbortSignal,
): Promise<Feed<ConversationEvent>> {
  const { accountId } = viewer;
  const filter = chatbotIds == null ? viewer.chatbotIds : await readFilter(deps, accountId, chatbotIds);
  const cursors = deps.cursors.forStream('account', accountId, accountId);
  const log =
    after == null
      ? await readAccountPosition(deps.db.read, accountId)
      : decodeAccountPosition(cursors.read(after, CURSOR).shards ?? '');
  const cursor = () => after ?? cursors.write(encodeAccountPosition(log));
  const at = toTimestamp(deps.clock.now());
  const firstEvent = { type: 'StreamReady', chatbotId: null, conversationId: null, at, cursor } as const;
  const stream = createAccountStream(deps, viewer, filter, cursors);
  return subscribe(deps.bus, viewer, { ...stream, firstEvent }, { log, typing: NO_TYPING }, signal);
}

/** @throws NotFoundError, BadUserInputError */
async function readFilter({ db }: StreamDeps, accountId: string, chatbotIds: readonly string[]) {
  if (chatbotIds.length === 0 || chatbotIds.length > MAX_CHATBOTS) {
    throw new BadUserInputError(`\`chatbotIds\` must have between 1 and ${MAX_CHATBOTS} ids.`);
  }
  const filter = new Set(chatbotIds.map((id) => requireFound('Chatbot', parseId('chatbot', id))));
  const found = await findChatbots(db.read, accountId, [...filter]);
  requireFound('Chatbot', found.length === filter.size ? found : undefined);
  return filter;
}

function createAccountStream(
  deps: StreamDeps,
  viewer: Viewer,
  filter: ChatbotFilter,
  cursors: StreamCursors,
): EventStream<AccountStreamPosition> {
  const { accountId } = viewer;
  const { read } = deps.db;
  const now = () => toTimestamp(deps.clock.now());

  /** Loads the payloads of the events that the subscriber receives; the others only advance the position. */
  async function listEvents(listed: readonly AccountEvent[], typing: ReportedTyping) {
    const received = listed.filter(({ event: { chatbotId } }) => filter === undefined || filter.has(chatbotId));
    const logged = received.flatMap(({ event }) => ('type' in event ? event : []));
    const payloads = new Map(
      logged.map((event) => [event, undefined as Awaited<ReturnType<typeof readLoggedEvents>>[0]]),
    );
    for (const [index, payload] of (await readLoggedEvents(read, viewer, logged)).entries()) {
      const event = logged[index];
      if (event !== undefined) payloads.set(event, payload);
    }
    return received.flatMap(({ event, position: log }): PositionedEvent<AccountStreamPosition>[] => {
      const position = { log, typing };
      if ('type' in event) {
        const payload = payloads.get(event);
        return payload === undefined ? [] : [{ position, event: payload }];
      }
      const { chatbotId, at, ...entry } = event;
      const deleted = { type: 'ConversationDeleted', chatbotId, conversationId: null, at, entry } as const;
      return [{ position, event: { ...deleted, reason: CHATBOT_DELETED } }];
    });
  }

  return {
    name: `account:${accountId}:${filter === undefined ? '' : [...filter].sort().join()}`,
    topic: accountTopic(accountId),
    cursors,
    encode: ({ log }) => encodeAccountPosition(log),
    encodeForSharing: ({ log, typing }) => `${encodeAccountPosition(log)} ${encodeTyping(typing)}`,
    async read({ log, typing }): Promise<EventSlice<AccountStreamPosition>> {
      const slice = await readAccountLog(read, accountId, log);
      if (slice.isGap) {
        const fields = { chatbotId: null, conversationId: null, at: now(), reason: EVENTS_LOST };
        const position = { log: positionAtHeads(slice.heads), typing };
        return { events: [{ position, event: { type: 'StreamGap', ...fields } }], next: 'read again' };
      }
      const position = { log: slice.events.at(-1)?.position ?? log, typing };
      const events = await listEvents(slice.events, typing);
      if (slice.hasMore) return { events, endPosition: position, next: 'read again' };
      const typingEvents = listTypingEvents(deps, accountId, filter, position);
      const endPosition = typingEvents.at(-1)?.position ?? position;
      return { events: [...events, ...typingEvents], endPosition, next: 'wait' };
    },
  };
}

/** Lists the typing indicators that have changed since the position. */
function listTypingEvents(
  { typing, clock }: StreamDeps,
  accountId: string,
  filter: ChatbotFilter,
  position: AccountStreamPosition,
): PositionedEvent<AccountStreamPosition>[] {
  const current = typing.listTyping(accountId).filter(({ chatbotId }) => filter === undefined || filter.has(chatbotId));
  const chatbotIds = new Map([
    ...Array.from(position.typing, ([id, { chatbotId }]) => [id, chatbotId] as const),
    ...current.map(({ id, chatbotId }) => [id, chatbotId] as const),
  ]);
  const events: PositionedEvent<AccountStreamPosition>[] = [];
  let reported = position.typing;
  for (const [conversationId, chatbotId] of chatbotIds) {
    const rolesTyping = typing.rolesTyping(conversationId);
    for (const [index, role] of TYPING_ROLES.entries()) {
      const isTyping = rolesTyping.has(role);
      const roles = reported.get(conversationId)?.roles ?? 0;
      if (isTyping === ((roles & (1 << index)) !== 0)) continue;
      reported = withRoles(reported, conversationId, { chatbotId, roles: roles ^ (1 << index) });
      const at = toTimestamp(clock.now());
      const authorName = rolesTyping.get(role) ?? null;
      const event = { type: 'TypingChanged', conversationId, chatbotId, at, role, isTyping, authorName } as const;
      events.push({ position: { ...position, typing: reported }, event });
    }
  }
  return events;
}

function withRoles(reported: ReportedTyping, id: string, entry: { chatbotId: string; roles: number }): ReportedTyping {
  const changed = new Map(reported);
  if (entry.roles === 0) changed.delete(id);
  else changed.set(id, entry);
  return changed;
}

function encodeTyping(typing: ReportedTyping): string {
  return Array.from(typing, ([id, { roles }]) => `${id}${roles}`)
    .sort()
    .join();
}

import type { Viewer } from '../access/viewer.ts';
import { type Message, TYPING_ROLES } from '../domain/entities.ts';
import { requireFound } from '../domain/errors.ts';
import { type ConversationEvent, ENDINGS, type LoggedEventType } from '../domain/events.ts';
import type { Feed } from '../domain/feed.ts';
import { parseId } from '../domain/ids.ts';
import { type Timestamp, toTimestamp } from '../domain/time.ts';
import { findLastEventNumber, type LoggedEvent, listConversationEvents } from '../store/events.ts';
import { findMessage } from '../store/messages.ts';
import { listOpenReplies } from '../store/open-replies.ts';
import { decodeCursor, notACursor } from './cursor.ts';
import { type Chapter, type FollowDeps, follow, type Step, type Story } from './follow.ts';
import { conversationTopic } from './live-answers.ts';
import { GAP, readLogged } from './logged-events.ts';
import { isBeyond, NOTHING_TOLD, type Progress, readLive, readProgress, type Told, textFrom } from './message-story.ts';

/** The reply under way, and how much of it was told; `undefined` when not even that there is one. */
interface Writing {
  readonly messageId: string;
  readonly told: Told | undefined;
}

/** How far a reader of a conversation has come. */
interface ConversationPlace {
  /** The last numbered event told. */
  readonly number: number;
  /** The reply that is being written at that number. */
  readonly writing: Writing | undefined;
  /** Who is known to be typing, one bit for each role. */
  readonly typing: number;
}

const CURSOR =
  /^c:(?<id>[0-9a-f-]{36}):(?<number>\d{1,9})(?::(?<messageId>[0-9a-f-]{36}):(?<offset>\d{1,9}|-):(?<citations>\d{1,3}))?(?::t(?<typing>[1-3]))?$/;
const EVENTS_PER_READ = 100;
const ENDS: ReadonlySet<LoggedEventType> = new Set(Object.values(ENDINGS));

/**
 * Follows a conversation for as long as it is listened to: every message, and the text of replies while it is written,
 * who answers and who types. It ends when the conversation is deleted.
 * @param after the cursor of the last event seen; absent tells the reply that is under way, then what comes.
 * @throws NotFoundError, BadUserInputError before the first event.
 */
export async function followConversation(
  deps: FollowDeps,
  viewer: Viewer,
  { conversationId, after }: { conversationId: string; after?: string | null | undefined },
  signal: AbortSignal,
): Promise<Feed<ConversationEvent>> {
  const { accountId } = viewer;
  const id = requireFound('Conversation', parseId('conversation', conversationId));
  const last = requireFound('Conversation', await findLastEventNumber(deps.db.read, accountId, 'conversations', id));
  const place = after == null ? undefined : readCursor(after, id);
  if (place !== undefined) await requireReached(deps, accountId, { conversationId: id, last, place });
  const start = place ?? (await readNow(deps, accountId, id));
  return follow(deps.bus, viewer, tellConversation(deps, viewer, id), start, signal);
}

/** The place of one who wants to know what is under way, and what comes. */
async function readNow({ db }: FollowDeps, accountId: string, conversationId: string): Promise<ConversationPlace> {
  const readLast = () => findLastEventNumber(db.read, accountId, 'conversations', conversationId);
  while (true) {
    const number = requireFound('Conversation', await readLast());
    const [first] = await listOpenReplies(db.read, accountId, conversationId);
    const writing = first?.status === 'STREAMING' ? { messageId: first.id, told: undefined } : undefined;
    // Both have to be of one moment: a reply that began or ended between the two reads would be told by half.
    if ((await readLast()) === number) return { number, writing, typing: 0 };
  }
}

function readCursor(after: string, conversationId: string): ConversationPlace {
  const { id, number, messageId, offset, citations, typing = '0' } = decodeCursor(after, CURSOR);
  if (id !== conversationId) throw notACursor();
  const told = offset === '-' ? undefined : { offset: Number(offset), citations: Number(citations) };
  const writing = messageId === undefined ? undefined : { messageId, told };
  return { number: Number(number), writing, typing: Number(typing) };
}

/** Checks that a reader of this conversation can have come to a place, of which only the form is known. */
async function requireReached(
  deps: FollowDeps,
  accountId: string,
  { conversationId, last, place }: { conversationId: string; last: number; place: ConversationPlace },
): Promise<void> {
  const { number, writing } = place;
  if (number > last) throw notACursor();
  if (writing === undefined) return;
  const message = await findMessage(deps.db.read, accountId, writing.messageId);
  if (message?.conversationId !== conversationId || isBeyond(deps, message, writing.told ?? NOTHING_TOLD))
    throw notACursor();
}

function tellConversation(deps: FollowDeps, viewer: Viewer, conversationId: string): Story<ConversationPlace> {
  const { accountId } = viewer;
  const { read } = deps.db;
  const writings = createWritingReader(deps, accountId);
  const now = () => toTimestamp(deps.clock.now());

  /** Tells the events after a place; a gap, and what is under way, where they are no longer kept. */
  async function tellLogged(place: ConversationPlace, logged: readonly LoggedEvent[]) {
    if (logged[0]?.number !== place.number + 1) {
      const end = { ...(await readNow(deps, accountId, conversationId)), typing: place.typing };
      const gap = { type: 'StreamGap', conversationId, at: now(), reason: GAP } as const;
      return { end, steps: [{ place: end, event: gap }] };
    }
    const told = await readLogged(read, viewer, logged);
    // Who has just come is told first of the reply that is under way, also when there is more to tell by now.
    const steps = place.writing?.told === undefined ? await tellWriting(writings, place, { now: now() }) : [];
    let end = steps.at(-1)?.place ?? place;
    for (const [index, event] of logged.entries()) {
      const isEnd = ENDS.has(event.type) && event.messageId === end.writing?.messageId;
      const rest = isEnd ? await tellWriting(writings, end, { now: now(), hasEnded: true }) : [];
      steps.push(...rest);
      end = placeAfter(rest.at(-1)?.place ?? end, event, isEnd);
      const what = told[index];
      if (what !== undefined) steps.push({ place: end, event: what });
    }
    return { end, steps };
  }

  return {
    topic: conversationTopic(conversationId),
    describe({ number, writing, typing }) {
      // After a gap a reader may not even know that there is a reply.
      const { offset, citations } = writing?.told ?? { offset: '-', citations: 0 };
      const reply = writing ? `:${writing.messageId}:${offset}:${citations}` : '';
      return `c:${conversationId}:${number}${reply}${typing === 0 ? '' : `:t${typing}`}`;
    },
    read(place, news) {
      const { writing } = place;
      const progress = news === 'text' && writing?.told ? writings.live(writing.messageId) : undefined;
      return progress ? { steps: tellText(place, progress, now()), next: 'wait' } : readAll(place);
    },
  };

  async function readAll(place: ConversationPlace): Promise<Chapter<ConversationPlace> | undefined> {
    const last = await findLastEventNumber(read, accountId, 'conversations', conversationId);
    if (last === undefined) return undefined;
    const { number: after } = place;
    const logged =
      last === after
        ? []
        : await listConversationEvents(read, accountId, { conversationId, after, limit: EVENTS_PER_READ });
    const { steps, end } = last === after ? { steps: [], end: place } : await tellLogged(place, logged);
    if (logged.length === EVENTS_PER_READ) return { steps, end, next: 'read on' };
    const writing = await tellWriting(writings, end, { now: now() });
    const written = writing.at(-1)?.place ?? end;
    const typing = tellTyping(deps, conversationId, written);
    return { steps: [...steps, ...writing, ...typing], end: typing.at(-1)?.place ?? written, next: 'wait' };
  }
}

/** Where a reader stands after a numbered event: it may begin or end the reply under way. */
function placeAfter(place: ConversationPlace, { number, type, messageId, status }: LoggedEvent, isEnd: boolean) {
  const begins = type === 'MessageStarted' || (type === 'MessageCreated' && status === 'STREAMING');
  const writing = begins && messageId ? { messageId, told: NOTHING_TOLD } : isEnd ? undefined : place.writing;
  return { ...place, number, writing };
}

/** Tells who began to type, and who has stopped, since it was last told. */
function tellTyping({ typing, clock }: FollowDeps, conversationId: string, place: ConversationPlace) {
  const typers = typing.of(conversationId);
  const steps: Step<ConversationPlace>[] = [];
  let told = place.typing;
  for (const [index, role] of TYPING_ROLES.entries()) {
    const bit = 1 << index;
    const isTyping = typers.has(role);
    if (isTyping === ((told & bit) !== 0)) continue;
    told ^= bit;
    const event = { type: 'TypingChanged', conversationId, at: toTimestamp(clock.now()), role, isTyping } as const;
    steps.push({ place: { ...place, typing: told }, event });
  }
  return steps;
}

/** Reads what stands written of the reply under way; its row need not be read again for every piece of its text. */
function createWritingReader(deps: FollowDeps, accountId: string) {
  let known: Message | undefined;
  const live = (id: string) => (known?.id === id ? readLive(deps, known) : undefined);
  return {
    /** Where it is being written at this moment, as far as is known. */
    live,

    /** All of it, where it is known to have ended. */
    async read(id: string, hasEnded = false): Promise<Progress | undefined> {
      const progress = (hasEnded ? undefined : live(id)) ?? (await readProgress(deps, { accountId, id }));
      known = progress?.message;
      return progress;
    },
  };
}

/** Tells what is new of the reply under way, and that it is, to one who does not know. */
async function tellWriting(
  writings: ReturnType<typeof createWritingReader>,
  place: ConversationPlace,
  { now, hasEnded }: { now: Timestamp; hasEnded?: boolean },
): Promise<Step<ConversationPlace>[]> {
  const { writing } = place;
  const progress = writing && (await writings.read(writing.messageId, hasEnded));
  if (progress === undefined) return [];
  const text = tellText(place, progress, now);
  if (writing?.told !== undefined) return text;
  const { message } = progress;
  const { conversationId, createdAt: at, id: messageId } = message;
  const created = { type: 'MessageCreated', conversationId, at, message } as const;
  return [{ event: created, place: { ...place, writing: { messageId, told: NOTHING_TOLD } } }, ...text];
}

/** Tells what is new of the text and citations of the reply under way. */
function tellText(place: ConversationPlace, progress: Progress, now: Timestamp): Step<ConversationPlace>[] {
  const { id: messageId } = progress.message;
  return Array.from(textFrom(place.writing?.told ?? NOTHING_TOLD, progress, now), ({ event, place: told }) => ({
    event,
    place: { ...place, writing: { messageId, told } },
  }));
}

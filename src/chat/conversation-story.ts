import type { Viewer } from '../access/viewer.ts';
import type { Message } from '../domain/entities.ts';
import { requireFound } from '../domain/errors.ts';
import { type ConversationEvent, ENDINGS, type LoggedEventType } from '../domain/events.ts';
import { parseId } from '../domain/ids.ts';
import { toTimestamp } from '../domain/time.ts';
import { findLastEventNumber, type LoggedEvent, listConversationEvents } from '../store/events.ts';
import { findMessage, listOpenReplies } from '../store/messages.ts';
import { decodeCursor, notACursor } from './cursor.ts';
import { type FollowDeps, follow, type Step, type Story } from './follow.ts';
import { conversationTopic } from './live-answers.ts';
import { isBeyond, NOTHING_TOLD, type Progress, readProgress, type Told, textFrom } from './message-story.ts';

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
}

const CURSOR =
  /^c:(?<id>[0-9a-f-]{36}):(?<number>\d{1,9})(?::(?<messageId>[0-9a-f-]{36}):(?<offset>\d{1,9}):(?<citations>\d{1,3}))?$/;
const EVENTS_PER_READ = 100;
const ENDS: ReadonlySet<LoggedEventType> = new Set(Object.values(ENDINGS));

/**
 * Follows a conversation for as long as it is listened to: every message, and the text of replies while it is written.
 * It ends when the conversation is deleted.
 * @param after the cursor of the last event seen; absent tells the reply that is under way, then what comes.
 * @throws NotFoundError, BadUserInputError before the first event.
 */
export async function followConversation(
  deps: FollowDeps,
  viewer: Viewer,
  { conversationId, after }: { conversationId: string; after?: string | null | undefined },
  signal: AbortSignal,
): Promise<AsyncGenerator<ConversationEvent, void, void>> {
  const { accountId } = viewer;
  const id = requireFound('Conversation', parseId('conversation', conversationId));
  const last = requireFound('Conversation', await findLastEventNumber(deps.db.read, accountId, 'conversations', id));
  const place = after == null ? undefined : readCursor(after, id);
  if (place !== undefined) await requireReached(deps, accountId, { conversationId: id, last, place });
  const start = place ?? (await readNow(deps, accountId, id));
  return follow(deps.bus, viewer, tellConversation(deps, accountId, id), start, signal);
}

/** The place of one who wants to know what is under way, and what comes. */
async function readNow({ db }: FollowDeps, accountId: string, conversationId: string): Promise<ConversationPlace> {
  const readLast = () => findLastEventNumber(db.read, accountId, 'conversations', conversationId);
  while (true) {
    const number = requireFound('Conversation', await readLast());
    const [first] = await listOpenReplies(db.read, accountId, conversationId);
    const writing = first?.status === 'STREAMING' ? { messageId: first.id, told: undefined } : undefined;
    // Both have to be of one moment: a reply that began or ended between the two reads would be told by half.
    if ((await readLast()) === number) return { number, writing };
  }
}

function readCursor(after: string, conversationId: string): ConversationPlace {
  const { id, number, messageId, offset, citations } = decodeCursor(after, CURSOR);
  if (id !== conversationId) throw notACursor();
  const told = { offset: Number(offset), citations: Number(citations) };
  return { number: Number(number), writing: messageId === undefined ? undefined : { messageId, told } };
}

/** Checks that a reader of this conversation can have come to a place, of which only the form is known. */
async function requireReached(
  { db }: FollowDeps,
  accountId: string,
  { conversationId, last, place }: { conversationId: string; last: number; place: ConversationPlace },
): Promise<void> {
  const { number, writing } = place;
  if (number > last) throw notACursor();
  if (writing === undefined) return;
  const message = await findMessage(db.read, accountId, writing.messageId);
  if (message?.conversationId !== conversationId || isBeyond(message, writing.told)) throw notACursor();
}

function tellConversation(deps: FollowDeps, accountId: string, conversationId: string): Story<ConversationPlace> {
  const readWriting = createWritingReader(deps, accountId);
  return {
    topic: conversationTopic(conversationId),
    describe({ number, writing }) {
      const { offset, citations } = writing?.told ?? NOTHING_TOLD;
      return `c:${conversationId}:${number}${writing ? `:${writing.messageId}:${offset}:${citations}` : ''}`;
    },
    async read(place) {
      const { read } = deps.db;
      const last = await findLastEventNumber(read, accountId, 'conversations', conversationId);
      if (last === undefined) return undefined;
      const { number: after } = place;
      const logged =
        last === after
          ? []
          : await listConversationEvents(read, accountId, { conversationId, after, limit: EVENTS_PER_READ });
      const steps: Step<ConversationPlace>[] = [];
      let now = place;
      for (const event of logged) {
        steps.push(...(await tellEvent(deps, accountId, readWriting, now, event)));
        now = steps.at(-1)?.place ?? now;
      }
      if (logged.length === EVENTS_PER_READ) return { steps, next: 'read on' };
      steps.push(...(await tellWriting(deps, readWriting, now)));
      return { steps, next: 'wait' };
    },
  };
}

/** Reads what stands written of the reply under way. */
type ReadWriting = (messageId: string) => Promise<Progress | undefined>;

/** Remembers the reply's row, which need not be read again for every piece of its text. */
function createWritingReader(deps: FollowDeps, accountId: string): ReadWriting {
  let known: Message | undefined;
  return async (id) => {
    const progress = await readProgress(deps, { accountId, id }, known?.id === id ? known : undefined);
    known = progress?.message;
    return progress;
  };
}

/** Tells a numbered event; before the end of the reply under way what is left of its text. */
async function tellEvent(
  deps: FollowDeps,
  accountId: string,
  readWriting: ReadWriting,
  place: ConversationPlace,
  { number, type, messageId, status, at, conversationId }: LoggedEvent,
): Promise<Step<ConversationPlace>[]> {
  const isEnd = ENDS.has(type) && messageId === place.writing?.messageId;
  const steps = isEnd ? await tellWriting(deps, readWriting, place) : [];
  const message = await findMessage(deps.db.read, accountId, messageId);
  if (message === undefined) return steps;
  const begins = type === 'MessageStarted' || (type === 'MessageCreated' && status === 'STREAMING');
  const writing = begins ? { messageId, told: NOTHING_TOLD } : isEnd ? undefined : place.writing;
  return [...steps, { place: { number, writing }, event: { type, conversationId, at, message } }];
}

/** Tells what is new of the reply under way, and that it is, to one who does not know. */
async function tellWriting(
  { clock }: FollowDeps,
  readWriting: ReadWriting,
  { number, writing }: ConversationPlace,
): Promise<Step<ConversationPlace>[]> {
  const progress = writing && (await readWriting(writing.messageId));
  if (writing === undefined || progress === undefined) return [];
  const { message } = progress;
  const { messageId, told = NOTHING_TOLD } = writing;
  const at = toTimestamp(clock.now());
  const text = [...textFrom(told, progress, at)].map(({ event, place }) => ({
    event,
    place: { number, writing: { messageId, told: place } },
  }));
  if (writing.told !== undefined) return text;
  const { conversationId, createdAt } = message;
  const created = { type: 'MessageCreated', conversationId, at: createdAt, message } as const;
  return [{ event: created, place: { number, writing: { messageId, told } } }, ...text];
}

import type { Viewer } from '../access/viewer.ts';
import type { WrittenText } from '../coordination/live-texts.ts';
import type { Citation, Message } from '../domain/entities.ts';
import { type ConversationEvent, ENDINGS } from '../domain/events.ts';
import type { Feed } from '../domain/feed.ts';
import { type Timestamp, toTimestamp } from '../domain/time.ts';
import { findMessage } from '../store/messages.ts';
import { decodeCursor, notACursor } from './cursor.ts';
import { type Chapter, type FollowDeps, follow, type Step, type Story } from './follow.ts';
import { conversationTopic } from './live-answers.ts';
import { getMessage } from './visible.ts';
import { fullerOf } from './written.ts';

/** How far a reader of one message has come. */
interface MessagePlace {
  /** 0: nothing told; 1: told that it waits; 2: told that it is being written; 3: told its end. */
  readonly stage: number;
  readonly told: Told;
}

/** How much of a text was told: UTF-16 code units of it, and citations. */
export interface Told {
  readonly offset: number;
  readonly citations: number;
}

/** The beginning of a text. */
export const NOTHING_TOLD: Told = { offset: 0, citations: 0 };

/** What stands written of a message right now. */
export interface Progress {
  readonly message: Message;
  readonly content: string;
  readonly citations: readonly Citation[];
}

const CURSOR = /^m:(?<id>[0-9a-f-]{36}):(?<stage>[0-3]):(?<offset>\d{1,9}):(?<citations>\d{1,3})$/;

/**
 * Follows one message to its end.
 * @param after the cursor of the last event seen; absent starts at the beginning of the text.
 * @throws NotFoundError, BadUserInputError before the first event.
 */
export async function followMessage(
  deps: FollowDeps,
  viewer: Viewer,
  { messageId, after }: { messageId: string; after?: string | null | undefined },
  signal: AbortSignal,
): Promise<Feed<ConversationEvent>> {
  const message = await getMessage(deps.db.read, viewer, messageId);
  return follow(deps.bus, viewer, tellMessage(deps, message), readStart(deps, message, after), signal);
}

function readStart(deps: FollowDeps, message: Message, after: string | null | undefined): MessagePlace {
  if (after == null) return { stage: 0, told: NOTHING_TOLD };
  const groups = decodeCursor(after, CURSOR);
  const told = { offset: Number(groups.offset), citations: Number(groups.citations) };
  const stage = Number(groups.stage);
  const isOpen = message.status === 'QUEUED' || message.status === 'STREAMING';
  if (groups.id !== message.id || (stage === 3 && isOpen) || isBeyond(deps, message, told)) throw notACursor();
  return { stage, told };
}

/**
 * Whether nobody can have been told so much of a message. Of an answer that a crash interrupted a reader may have seen
 * more than was saved.
 */
export function isBeyond({ liveAnswers }: FollowDeps, message: Message, told: Told): boolean {
  if (message.status === 'INTERRUPTED') return false;
  const written = message.status === 'STREAMING' ? liveAnswers.get(message.id) : message;
  if (written === undefined) return false;
  return told.offset > written.content.length || told.citations > written.citations.length;
}

function tellMessage(deps: FollowDeps, first: Message): Story<MessagePlace> {
  let last: Progress | undefined;
  return {
    topic: conversationTopic(first.conversationId),
    describe: ({ stage, told }) => `m:${first.id}:${stage}:${told.offset}:${told.citations}`,
    read(place) {
      if (place.stage === 3) return { steps: [], next: 'end' };
      const progress = readLive(deps, last?.message) ?? readProgress(deps, first);
      return progress instanceof Promise ? progress.then((read) => chapterOf(place, read)) : chapterOf(place, progress);
    },
  };

  function chapterOf(place: MessagePlace, progress: Progress | undefined): Chapter<MessagePlace> | undefined {
    last = progress;
    if (progress === undefined) return undefined;
    const isOver = progress.message.status !== 'QUEUED' && progress.message.status !== 'STREAMING';
    return { steps: stepsFrom(place, progress, toTimestamp(deps.clock.now())), next: isOver ? 'end' : 'wait' };
  }
}

/**
 * What stands written of a message that is being written at this moment, here or elsewhere; `undefined` when it is not, or
 * that is not known yet.
 * @param known its row, where that was read before: as long as the run goes on, it is ahead of it.
 */
export function readLive({ liveAnswers, liveTexts }: FollowDeps, known: Message | undefined): Progress | undefined {
  const live = known?.status === 'STREAMING' ? (liveAnswers.get(known.id) ?? liveTexts.peek(known.id)) : undefined;
  return known && live && copyProgress(known, live);
}

/** Reads what stands written of a message; `undefined` when it is gone. */
export async function readProgress(
  deps: FollowDeps,
  { accountId, id }: Pick<Message, 'accountId' | 'id'>,
): Promise<Progress | undefined> {
  const message = await findMessage(deps.db.read, accountId, id);
  if (message === undefined) return undefined;
  if (message.status !== 'STREAMING') return copyProgress(message, message);
  // A run that ended while the row was read has signalled, so the row is read again.
  const live = readLive(deps, message);
  if (live !== undefined) return live;
  const heard = await deps.liveTexts.read(message.id, conversationTopic(message.conversationId));
  return copyProgress(message, fullerOf(message, heard));
}

/** A live answer goes on while a reader is told of it: a citation must not overtake the text that it points into. */
function copyProgress(message: Message, { content, citations }: WrittenText): Progress {
  return { message, content, citations: [...citations] };
}

function* stepsFrom(start: MessagePlace, progress: Progress, now: Timestamp): Generator<Step<MessagePlace>> {
  const { message } = progress;
  const about = { conversationId: message.conversationId, message };
  let { stage } = start;
  let { told } = start;
  const isQueued = message.status === 'QUEUED';
  if (stage === 0) {
    stage = isQueued ? 1 : 2;
    yield { place: { stage, told }, event: { ...about, type: 'MessageCreated', at: message.createdAt } };
  }
  if (isQueued) return;
  // One that was stopped without a word tells no more than its end: as a rule it was never begun.
  if (stage === 1 && !(message.status === 'STOPPED' && progress.content === '')) {
    stage = 2;
    yield { place: { stage, told }, event: { ...about, type: 'MessageStarted', at: now } };
  }
  for (const step of textFrom(told, progress, now)) {
    told = step.place;
    yield { place: { stage, told }, event: step.event };
  }
  if (message.status === 'STREAMING') return;
  const type = ENDINGS[message.status];
  yield { place: { stage: 3, told }, event: { ...about, type, at: message.completedAt ?? now } };
}

/** Tells what is new of a message's text and citations: one delta at most, then the citations. */
export function* textFrom(
  start: Told,
  { message, content, citations }: Progress,
  now: Timestamp,
): Generator<Step<Told>> {
  const about = { conversationId: message.conversationId, messageId: message.id, at: now };
  const { offset } = start;
  let told = start;
  if (content.length > offset) {
    told = { ...told, offset: content.length };
    yield { place: told, event: { ...about, type: 'MessageDelta', offset, text: content.slice(offset), content } };
  }
  for (const citation of citations.slice(start.citations)) {
    told = { ...told, citations: told.citations + 1 };
    yield { place: told, event: { ...about, type: 'CitationAdded', citation } };
  }
}

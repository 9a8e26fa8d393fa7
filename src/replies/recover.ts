import { publishEvents } from '../coordination/topics.ts';
import type { Message } from '../domain/entities.ts';
import { StorageUnavailableError } from '../domain/errors.ts';
import { FAILURES } from '../domain/failures.ts';
import { toTimestamp } from '../domain/time.ts';
import { tryLockConversation } from '../store/conversations.ts';
import type { LoggedEvent } from '../store/events.ts';
import type { Queryable } from '../store/tables.ts';
import {
  type ConversationKey,
  findLostReply,
  isActiveIn,
  type LostReply,
  listLostReplies,
  listStalledConversations,
  takeOverReply,
} from '../store/unowned-replies.ts';
import { startNextReply, storeReplyEnd } from './finish-reply.ts';
import { type GenerateDeps, startGenerating } from './generate.ts';

const BATCH_SIZE = 50;

/** What a step of recovery did: the events to publish and the replies to begin, after the commit. */
interface Recovered {
  readonly events: LoggedEvent[];
  readonly started: readonly { readonly reply: Message; readonly isAlone: boolean }[];
}

/** A reply that was under way at so many unclean ends is begun alone, with no other beside it in its process. */
const SUSPECTED_AFTER = 2;
/** It is not begun again after so many, the last of which it met alone. */
const MAX_ATTEMPTS = 3;

/**
 * Recovers every reply that no gateway writes. One in STREAMING whose gateway is gone becomes STOPPED with its saved text
 * where it was asked to stop, else INTERRUPTED: visitors may have seen more of it, so it is not written anew. Where nothing
 * is saved nobody has seen any of it, and it is written here; as it may be what ends processes, alone after two unclean
 * ends, and not at all after a third: then it is FAILED. In each conversation where none is in STREAMING, the first queued
 * reply is begun here. For a paused chatbot and by a gateway that is stopping nothing is begun. A conversation that another
 * gateway holds at this moment is left to it.
 */
export async function recoverReplies(deps: GenerateDeps): Promise<void> {
  await recoverEach(deps, {
    list: (after) => listLostReplies(deps.db.read, after, BATCH_SIZE),
    keyOf: ({ id }) => id,
    recover: (trx, reply) => recoverLost(deps, trx, reply),
  });
  if (deps.background.isDraining) return;
  await recoverEach(deps, {
    list: (after) => listStalledConversations(deps.db.read, after, BATCH_SIZE),
    keyOf: ({ conversationId }) => conversationId,
    recover: (trx, conversation) => beginFirst(deps, trx, conversation),
  });
}

/** What is recovered, and how. */
interface Recovery<T extends ConversationKey> {
  /** Reads up to `BATCH_SIZE` items in the order of their keys, after one. */
  list(after: string): Promise<T[]>;
  keyOf(item: T): string;
  /** Recovers one item whose conversation is held. */
  recover(trx: Queryable, item: T): Promise<Recovered>;
}

/** Walks through all items once, in batches of one transaction; one that fails is logged and keeps no other waiting. */
async function recoverEach<T extends ConversationKey>(deps: GenerateDeps, recovery: Recovery<T>): Promise<void> {
  let after = '';
  let items: T[];
  do {
    items = await recovery.list(after);
    await recoverBatch(deps, items, recovery);
    after = items.map(recovery.keyOf).at(-1) ?? after;
  } while (items.length === BATCH_SIZE);
}

async function recoverBatch<T extends ConversationKey>(
  deps: GenerateDeps,
  items: readonly T[],
  recovery: Recovery<T>,
): Promise<void> {
  const { db, bus, logger } = deps;
  if (items.length === 0) return;
  try {
    const recovered = await db.transaction(async (trx) => {
      const all: Recovered[] = [];
      for (const item of items) {
        const isHeld = await tryLockConversation(trx, item.accountId, item.conversationId);
        if (isHeld) all.push(await recovery.recover(trx, item));
      }
      return all;
    });
    publishEvents(
      bus,
      recovered.flatMap(({ events }) => events),
    );
    for (const { reply, isAlone } of recovered.flatMap(({ started }) => started)) startGenerating(deps, reply, isAlone);
  } catch (error) {
    if (error instanceof StorageUnavailableError) throw error;
    const [item] = items;
    if (items.length > 1) for (const one of items) await recoverBatch(deps, [one], recovery);
    else logger.error({ err: error, conversationId: item?.conversationId }, 'cannot recover a reply; trying again');
  }
}

async function recoverLost(deps: GenerateDeps, trx: Queryable, { accountId, id }: Message): Promise<Recovered> {
  const lost = await findLostReply(trx, accountId, id);
  if (lost === undefined) return { events: [], started: [] };
  const { reply, attempts } = lost;
  const outcome = judge(lost);
  if (outcome === undefined) {
    // It waits until its chatbot is active again, as those that are queued.
    if (deps.background.isDraining || !(await isActiveIn(trx, reply))) return { events: [], started: [] };
    const isAlone = attempts >= SUSPECTED_AFTER;
    deps.logger.warn({ messageId: id, attempts, isAlone }, 'writing a reply anew whose gateway was ended');
    // One that waits until it can run alone has not begun: that attempt is counted when it does.
    await takeOverReply(trx, reply, { nodeId: deps.node.id, attempts: isAlone ? attempts : attempts + 1 });
    return { events: [], started: [{ reply, isAlone }] };
  }
  if (outcome.error !== null) deps.logger.error({ messageId: id, attempts }, 'a reply may be what ends the process');
  const completedAt = toTimestamp(deps.clock.now());
  const ended = await storeReplyEnd(trx, reply, { ...reply, ...outcome, usage: null, completedAt });
  const { events, started } = await beginFirst(deps, trx, reply);
  return { events: [...ended, ...events], started };
}

/** How a lost reply ends; undefined for one that is written anew. */
function judge({ reply, attempts, isGivenUp, isAskedToStop }: LostReply) {
  if (isAskedToStop) return { status: 'STOPPED', finishReason: 'ABORTED', error: null } as const;
  const wasSeen = reply.content !== '' || reply.citations.length > 0;
  if (wasSeen || isGivenUp) return { status: 'INTERRUPTED', finishReason: 'ABORTED', error: null } as const;
  if (attempts < MAX_ATTEMPTS) return undefined;
  const error = { code: 'ENGINE_CRASHED', message: FAILURES.ENGINE_CRASHED } as const;
  return { status: 'FAILED', finishReason: 'ERROR', error } as const;
}

async function beginFirst(deps: GenerateDeps, trx: Queryable, conversation: ConversationKey): Promise<Recovered> {
  if (deps.background.isDraining) return { events: [], started: [] };
  const at = toTimestamp(deps.clock.now());
  const { next, events } = await startNextReply(trx, conversation, { at, nodeId: deps.node.id });
  return { events, started: next === undefined ? [] : [{ reply: next, isAlone: false }] };
}

import type { Message } from '../domain/entities.ts';
import { StorageUnavailableError } from '../domain/errors.ts';
import { toTimestamp } from '../domain/time.ts';
import { tryLockConversation } from '../store/conversations.ts';
import type { LoggedEvent } from '../store/events.ts';
import type { Queryable } from '../store/tables.ts';
import {
  type ConversationKey,
  findLostReply,
  listLostReplies,
  listStalledConversations,
} from '../store/unowned-replies.ts';
import { type GenerateDeps, startGenerating } from './generate.ts';
import { publishEvents } from './live-answers.ts';
import { startNext, storeEnding } from './turns.ts';

const BATCH_SIZE = 50;

/** What a step of recovery did: the events to publish and the replies to begin, after the commit. */
interface Recovered {
  readonly events: LoggedEvent[];
  readonly started: Message[];
}

/**
 * Recovers every reply that no gateway writes. One in STREAMING whose gateway is gone becomes INTERRUPTED with its saved
 * text: visitors may have seen more of it, so it is not written anew. In each conversation where none is in STREAMING,
 * the first queued reply is begun here, unless this gateway is stopping. A conversation that another gateway holds at
 * this moment is left to it.
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
    for (const reply of recovered.flatMap(({ started }) => started)) startGenerating(deps, reply);
  } catch (error) {
    if (error instanceof StorageUnavailableError) throw error;
    const [item] = items;
    if (items.length > 1) for (const one of items) await recoverBatch(deps, [one], recovery);
    else logger.error({ err: error, conversationId: item?.conversationId }, 'cannot recover a reply; trying again');
  }
}

async function recoverLost(deps: GenerateDeps, trx: Queryable, { accountId, id }: Message): Promise<Recovered> {
  const reply = await findLostReply(trx, accountId, id);
  if (reply === undefined) return { events: [], started: [] };
  const interrupted = { status: 'INTERRUPTED', finishReason: 'ABORTED', usage: null, error: null } as const;
  const completedAt = toTimestamp(deps.clock.now());
  const ended = await storeEnding(trx, reply, { ...reply, ...interrupted, completedAt });
  const { events, started } = await beginFirst(deps, trx, reply);
  return { events: [...ended, ...events], started };
}

async function beginFirst(deps: GenerateDeps, trx: Queryable, conversation: ConversationKey): Promise<Recovered> {
  if (deps.background.isDraining) return { events: [], started: [] };
  const at = toTimestamp(deps.clock.now());
  const { next, events } = await startNext(trx, conversation, { at, nodeId: deps.node.id });
  return { events, started: next === undefined ? [] : [next] };
}

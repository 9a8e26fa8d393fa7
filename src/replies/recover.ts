import { publishEvents } from '../coordination/topics.ts';
import type { Message } from '../domain/entities.ts';
import { StorageUnavailableError } from '../domain/errors.ts';
import { FAILURES } from '../domain/failures.ts';
import { toTimestamp } from '../domain/time.ts';
import {
  type ConversationKey,
  findLostReply,
  isChatbotActive,
  type LostReply,
  listLostReplies,
  listStalledConversations,
  takeOverReply,
} from '../store/cluster/unowned-replies.ts';
import { tryLockConversation } from '../store/conversations.ts';
import type { LoggedEvent } from '../store/events.ts';
import type { Queryable } from '../store/tables.ts';
import { startNextReply, storeReplyEnd } from './finish-reply.ts';
import { type GenerateDeps, startGenerating } from './generate.ts';

const BATCH_SIZE = 50;

/** The result of a recovery in its transaction: the events to publish and the replies to start after the commit. */
interface RecoveryResult {
  readonly events: LoggedEvent[];
  readonly repliesToStart: readonly { readonly reply: Message; readonly isExclusive: boolean }[];
}

/** After this many crashes during its generation, a reply is generated alone: its process generates no other reply. */
const EXCLUSIVE_AFTER_ATTEMPTS = 2;
/** After this many crashes, the last one while it was generated alone, a reply is not generated again. */
const MAX_ATTEMPTS = 3;

/**
 * Recovers every open reply that is not assigned to an existing node; `node-leases.ts` removes dead nodes.
 * - A STREAMING reply with saved text becomes STOPPED if a client has asked to stop it, otherwise INTERRUPTED. It is
 *   not generated again, because visitors may have seen more text than was saved.
 * - A STREAMING reply without saved text is generated again by this node, because no visitor has seen any of it. The
 *   reply may have caused the crashes: after two crashes it is generated alone, after three it becomes FAILED. If its
 *   node did not crash, but gave the reply up because it could not store its end, it becomes INTERRUPTED.
 * - In each conversation without a STREAMING reply, this node starts the first QUEUED reply.
 *
 * No reply starts for a paused chatbot, or while this gateway is stopping. A conversation that another node has locked
 * is skipped.
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
    recover: (trx, conversation) => startFirstQueued(deps, trx, conversation),
  });
}

/** The functions that recover one kind of item: lost replies, or conversations in which the next reply must start. */
interface Recovery<T extends ConversationKey> {
  /** Lists up to `BATCH_SIZE` items after a key, in the order of their keys. */
  list(after: string): Promise<T[]>;
  keyOf(item: T): string;
  /** Recovers one item, whose conversation the caller has locked. */
  recover(trx: Queryable, item: T): Promise<RecoveryResult>;
}

/**
 * Recovers all items in batches, each in one transaction. A failure to recover an item is logged and does not block
 * other items.
 */
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
      const all: RecoveryResult[] = [];
      for (const item of items) {
        const isLocked = await tryLockConversation(trx, item.accountId, item.conversationId);
        if (isLocked) all.push(await recovery.recover(trx, item));
      }
      return all;
    });
    publishEvents(
      bus,
      recovered.flatMap(({ events }) => events),
    );
    for (const { reply, isExclusive } of recovered.flatMap(({ repliesToStart }) => repliesToStart)) {
      startGenerating(deps, reply, isExclusive);
    }
  } catch (error) {
    if (error instanceof StorageUnavailableError) throw error;
    const [item] = items;
    if (items.length > 1) for (const each of items) await recoverBatch(deps, [each], recovery);
    else logger.error({ err: error, conversationId: item?.conversationId }, 'cannot recover a reply; retrying');
  }
}

async function recoverLost(deps: GenerateDeps, trx: Queryable, { accountId, id }: Message): Promise<RecoveryResult> {
  const lost = await findLostReply(trx, accountId, id);
  if (lost === undefined) return { events: [], repliesToStart: [] };
  const { reply, attempts } = lost;
  const outcome = outcomeOf(lost);
  if (outcome === undefined) {
    // Like a queued reply, a lost reply waits until its chatbot is active again.
    if (deps.background.isDraining || !(await isChatbotActive(trx, reply))) return { events: [], repliesToStart: [] };
    const isExclusive = attempts >= EXCLUSIVE_AFTER_ATTEMPTS;
    deps.logger.warn({ messageId: id, attempts, isAlone: isExclusive }, 'generating a reply again after a crash');
    // A reply that is generated alone may have to wait, so its attempt is counted when its generation starts.
    await takeOverReply(trx, reply, { nodeId: deps.node.id, attempts: isExclusive ? attempts : attempts + 1 });
    return { events: [], repliesToStart: [{ reply, isExclusive }] };
  }
  if (outcome.error !== null)
    deps.logger.error({ messageId: id, attempts }, 'a reply may have crashed the process; giving it up');
  const completedAt = toTimestamp(deps.clock.now());
  const endEvents = await storeReplyEnd(trx, reply, { ...reply, ...outcome, usage: null, completedAt });
  const { events, repliesToStart } = await startFirstQueued(deps, trx, reply);
  return { events: [...endEvents, ...events], repliesToStart };
}

/** Decides how a lost reply ends; `undefined` if it is generated again. */
function outcomeOf({ reply, attempts, wasGivenUp, isStopRequested }: LostReply) {
  if (isStopRequested) return { status: 'STOPPED', finishReason: 'ABORTED', error: null } as const;
  const wasSeen = reply.content !== '' || reply.citations.length > 0;
  if (wasSeen || wasGivenUp) return { status: 'INTERRUPTED', finishReason: 'ABORTED', error: null } as const;
  if (attempts < MAX_ATTEMPTS) return undefined;
  const error = { code: 'ENGINE_CRASHED', message: FAILURES.ENGINE_CRASHED } as const;
  return { status: 'FAILED', finishReason: 'ERROR', error } as const;
}

async function startFirstQueued(
  deps: GenerateDeps,
  trx: Queryable,
  conversation: ConversationKey,
): Promise<RecoveryResult> {
  if (deps.background.isDraining) return { events: [], repliesToStart: [] };
  const at = toTimestamp(deps.clock.now());
  const { next, events } = await startNextReply(trx, conversation, { at, nodeId: deps.node.id });
  return { events, repliesToStart: next === undefined ? [] : [{ reply: next, isExclusive: false }] };
}

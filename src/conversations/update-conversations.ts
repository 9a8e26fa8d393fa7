import { z } from 'zod';
import type { Viewer } from '../access/viewer.ts';
import type { Deps } from '../deps.ts';
import {
  CONVERSATION_PRIORITIES,
  CONVERSATION_STATUSES,
  type Conversation,
  type ConversationPriority,
  type ConversationStatus,
} from '../domain/entities.ts';
import { InvalidInputError, NotFoundError } from '../domain/errors.ts';
import { parseChanges, resettable, singleLine } from '../domain/input.ts';
import { type Timestamp, toTimestamp } from '../domain/time.ts';
import { assigneeText, resolveAssignee } from './assignee.ts';
import { changeConversation, close, escalate, handBack, reopen } from './handoff.ts';

/** The conversations to update, and their new fields. An absent field is kept, null clears it. */
export interface UpdateConversationsInput {
  readonly ids: readonly string[];
  /** CLOSED, ESCALATED and OPEN do what `closeConversation`, `escalateConversation` and `handBackConversation` do. */
  readonly status?: ConversationStatus | null | undefined;
  readonly assignee?: string | null | undefined;
  readonly labels?: readonly string[] | null | undefined;
  /** Null: NORMAL. */
  readonly priority?: ConversationPriority | null | undefined;
  readonly snoozedUntil?: Timestamp | null | undefined;
}

/** The maximum number of conversations of one update. */
export const MAX_UPDATED_CONVERSATIONS = 100;
/** The maximum number of labels of a conversation. */
export const MAX_LABELS = 20;
/** The maximum number of characters of a label. */
export const MAX_LABEL_CHARS = 50;

const rules = z.object({
  ids: z
    .array(z.string())
    .refine((ids) => ids.length >= 1 && ids.length <= MAX_UPDATED_CONVERSATIONS, 'Must have 1 to 100 ids.'),
  status: z.enum(CONVERSATION_STATUSES).optional(),
  assignee: assigneeText.nullish(),
  labels: resettable(
    z
      .array(singleLine(1, MAX_LABEL_CHARS))
      .transform((labels) => [...new Set(labels)])
      .refine((labels) => labels.length <= MAX_LABELS, `Must have at most ${MAX_LABELS} labels.`),
    [],
  ),
  priority: resettable(z.enum(CONVERSATION_PRIORITIES), 'NORMAL' as const),
  snoozedUntil: z.custom<Timestamp>().nullish(),
});

type ConversationUpdate = Omit<z.output<typeof rules>, 'ids'> & Partial<Pick<Conversation, 'assignedMemberId'>>;

/**
 * Updates conversations, each in a transaction of its own, so that one that cannot be updated does not keep the others
 * from it.
 * @returns a conversation or the reason why it did not change, for each of the ids, in their order.
 * @throws InvalidInputError that concerns all conversations; none is then changed.
 */
export async function updateConversations(
  deps: Pick<Deps, 'db' | 'clock' | 'bus'>,
  viewer: Pick<Viewer, 'accountId' | 'actorName'>,
  input: UpdateConversationsInput,
): Promise<(Conversation | NotFoundError | InvalidInputError)[]> {
  const { ids, ...changes } = parseChanges(rules, { ...input });
  requireChange(changes, toTimestamp(deps.clock.now()));
  const { assignee } = changes;
  const assigned = assignee === undefined ? undefined : await resolveAssignee(deps.db.read, viewer.accountId, assignee);
  const update: ConversationUpdate = { ...changes, ...assigned };
  const results: (Conversation | NotFoundError | InvalidInputError)[] = [];
  for (const id of ids) {
    try {
      results.push(await changeConversation(deps, viewer, id, (conversation, at) => apply(update, conversation, at)));
    } catch (error) {
      if (!(error instanceof NotFoundError || error instanceof InvalidInputError)) throw error;
      results.push(error);
    }
  }
  return results;
}

/** Checks what the rules of single fields cannot. */
function requireChange(update: ConversationUpdate, now: Timestamp): void {
  if (Object.values(update).every((value) => value === undefined)) {
    throw new InvalidInputError([{ path: [], message: 'Give at least one field to change.' }]);
  }
  if (update.snoozedUntil != null && update.snoozedUntil <= now) {
    throw new InvalidInputError([{ path: ['snoozedUntil'], message: 'Must be in the future.' }]);
  }
}

/** Returns the updated conversation: the same object when nothing changes. */
function apply(update: ConversationUpdate, conversation: Conversation, at: Timestamp): Conversation {
  const withStatus = applyStatus(update.status, conversation, at);
  if (withStatus.status === 'CLOSED' && update.snoozedUntil != null) {
    throw new InvalidInputError([{ path: ['snoozedUntil'], message: 'A closed conversation cannot be put aside.' }]);
  }
  const fields = {
    ...(update.assignee !== undefined && { assignee: update.assignee }),
    ...(update.assignedMemberId !== undefined && { assignedMemberId: update.assignedMemberId }),
    ...(update.labels !== undefined && { labels: update.labels }),
    ...(update.priority !== undefined && { priority: update.priority }),
    ...(update.snoozedUntil !== undefined && { snoozedUntil: update.snoozedUntil }),
  };
  const isSame = Object.entries(fields).every(
    ([name, value]) => JSON.stringify(value) === JSON.stringify(withStatus[name as keyof typeof fields]),
  );
  return isSame ? withStatus : { ...withStatus, ...fields };
}

function applyStatus(status: ConversationUpdate['status'], conversation: Conversation, at: Timestamp): Conversation {
  switch (status) {
    case 'CLOSED':
      return close(conversation, at);
    case 'ESCALATED':
      return escalate(conversation, null, at);
    case 'OPEN':
      return conversation.status === 'ESCALATED' ? handBack(conversation) : reopen(conversation);
    default:
      return conversation;
  }
}

import { z } from 'zod';
import type { Viewer } from '../access/viewer.ts';
import { getLockedConversation, reopen } from '../conversations/handoff.ts';
import { listChanges, recordChanges } from '../conversations/record-changes.ts';
import { publishEvents } from '../coordination/topics.ts';
import type { Deps } from '../deps.ts';
import type { Conversation } from '../domain/entities.ts';
import { parseInput, singleLine } from '../domain/input.ts';
import { toTimestamp } from '../domain/time.ts';
import { requestStop, type StopDeps, stopReplies } from '../replies/stop-reply.ts';
import { updateConversation } from '../store/conversations.ts';
import { listOpenReplies } from '../store/open-replies.ts';

/** The conversation that a person takes over. */
export interface TakeOverInput {
  readonly id: string;
  /** The person's name, for the activities of the conversation. */
  readonly authorName?: string | null | undefined;
  /** How long the chatbot is silent; absent: `HANDOFF_HOURS`. */
  readonly silentMinutes?: number | null | undefined;
}

/** A year, like the maximum of `HANDOFF_HOURS`. */
const MAX_SILENT_MINUTES = 525_600;

const rules = z.object({
  authorName: singleLine(1, 255).optional(),
  silentMinutes: z
    .int()
    .refine((minutes) => minutes >= 1 && minutes <= MAX_SILENT_MINUTES, `Must be 1 to ${MAX_SILENT_MINUTES}.`)
    .optional(),
});

/**
 * Silences the chatbot and stops the open replies of a conversation, as a person's message does, without a message. A
 * closed conversation is reopened. Where a person answers already, the given time replaces the end of the silence.
 * @throws InvalidInputError, NotFoundError
 */
export async function takeOverConversation(
  deps: StopDeps & Pick<Deps, 'config'>,
  viewer: Pick<Viewer, 'accountId' | 'actorName'>,
  input: TakeOverInput,
): Promise<Conversation> {
  const { authorName, silentMinutes } = parseInput(rules, { ...input });
  const { accountId } = viewer;
  const now = deps.clock.now();
  const at = toTimestamp(now);
  const silenceMs = silentMinutes === undefined ? deps.config.handoffMs : silentMinutes * 60_000;
  const { changed, events, repliesToStop } = await deps.db.transaction(async (trx) => {
    const conversation = await getLockedConversation(trx, accountId, input.id);
    const stopRequest = await requestStop(trx, await listOpenReplies(trx, accountId, conversation.id), at);
    const changed = { ...reopen(conversation), silentUntil: toTimestamp(now + silenceMs), updatedAt: at };
    await updateConversation(trx, changed);
    // Whoever takes a conversation over from another person is recorded too.
    const changes = new Set(['TAKEN_OVER' as const, ...listChanges(conversation, changed, at)]);
    const change = { changes: [...changes], actor: authorName ?? viewer.actorName, at };
    return { ...stopRequest, changed, events: [...stopRequest.events, await recordChanges(trx, changed, change)] };
  });
  publishEvents(deps.bus, events);
  await stopReplies(deps, repliesToStop);
  return changed;
}

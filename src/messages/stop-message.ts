import type { Viewer } from '../access/viewer.ts';
import { getLockedMessage } from '../conversations/visibility.ts';
import { publishEvents } from '../coordination/topics.ts';
import type { Message } from '../domain/entities.ts';
import { requireFound } from '../domain/errors.ts';
import { toTimestamp } from '../domain/time.ts';
import { requestStop, type StopDeps, stopReplies } from '../replies/stop-reply.ts';
import { findMessage } from '../store/messages.ts';

/**
 * Stops a reply. A reply that is being generated keeps its text; a queued reply is never generated. A message that has
 * ended is left unchanged, so stopping is idempotent.
 * @returns the message afterwards. It is still STREAMING if its end cannot be stored within some seconds; the end is
 * then stored as soon as possible.
 * @throws NotFoundError
 */
export async function stopMessage(deps: StopDeps, viewer: Viewer, input: { id: string }): Promise<Message> {
  const at = toTimestamp(deps.clock.now());
  const { id, repliesToStop, events } = await deps.db.transaction(async (trx) => {
    const { message } = await getLockedMessage(trx, viewer, input.id);
    return { id: message.id, ...(await requestStop(trx, [message], at)) };
  });
  publishEvents(deps.bus, events);
  await stopReplies(deps, repliesToStop);
  return requireFound('Message', await findMessage(deps.db.read, viewer.accountId, id));
}

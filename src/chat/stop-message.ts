import type { Viewer } from '../access/viewer.ts';
import type { Message } from '../domain/entities.ts';
import { requireFound } from '../domain/errors.ts';
import { toTimestamp } from '../domain/time.ts';
import { findMessage } from '../store/messages.ts';
import { publishEvents } from './live-answers.ts';
import { type StopDeps, stopAnswer } from './stop-answer.ts';
import { storeEnding } from './turns.ts';
import { holdMessage } from './visible.ts';

/**
 * Stops a reply: one that is being written keeps what it has, one that waits is never begun. A message that has ended
 * stays as it is, so stopping twice does no harm.
 * @returns the message as it stands then.
 * @throws NotFoundError
 */
export async function stopMessage(deps: StopDeps, viewer: Viewer, input: { messageId: string }): Promise<Message> {
  const { accountId } = viewer;
  const { message, events } = await deps.db.transaction(async (trx) => {
    const { message } = await holdMessage(trx, viewer, input.messageId);
    if (message.status !== 'QUEUED') return { message, events: [] };
    const stopped = { status: 'STOPPED', finishReason: 'ABORTED', usage: null, error: null } as const;
    const ending = { ...message, ...stopped, completedAt: toTimestamp(deps.clock.now()) };
    return { message: ending, events: await storeEnding(trx, message, ending) };
  });
  publishEvents(deps.bus, events);

  if (message.status === 'STREAMING') await stopAnswer(deps, message);
  return requireFound('Message', await findMessage(deps.db.read, accountId, message.id));
}

import type { Viewer } from '../access/viewer.ts';
import type { Deps } from '../deps.ts';
import { BadUserInputError } from '../domain/errors.ts';
import { parseId } from '../domain/ids.ts';
import type { WebhookEvent, WebhookEventName } from '../domain/webhooks.ts';
import { findWebhookEvent } from '../store/webhooks/events.ts';
import { buildBody, buildDefaultBody, type WebhookBody } from './body.ts';
import { MAX_DOCUMENT_LENGTH } from './rules.ts';
import { createSample, displayedSampleContext } from './samples.ts';
import type { Selections } from './selections.ts';

/** The input of a dry run: an optional document, and a stored event or a sample event. */
interface DryRun {
  readonly document?: string | null | undefined;
  readonly eventId?: string | null | undefined;
  readonly sample?: WebhookEventName | null | undefined;
}

/**
 * Builds the body of an event without sending it; undefined when the event does not exist.
 * @throws BadUserInputError for a document that a subscription would reject, and when both or none of `eventId` and
 * `sample` are given.
 */
export async function dryRunWebhook(
  { db, selections }: Pick<Deps, 'db' | 'selections'>,
  { accountId }: Pick<Viewer, 'accountId'>,
  { document, eventId, sample }: DryRun,
): Promise<WebhookBody | undefined> {
  if ((eventId == null) === (sample == null))
    throw new BadUserInputError('Give exactly one of `eventId` and `sample`.');
  if (document != null) requireDocument(selections, document);
  let event: WebhookEvent | undefined;
  if (sample != null) event = createSample(sample, { accountId, ...displayedSampleContext(sample) });
  else if (eventId != null) {
    const id = parseId('webhookEvent', eventId);
    event = id === undefined ? undefined : await findWebhookEvent(db.read, accountId, id);
  }
  if (document == null) return event && { body: buildDefaultBody(event), problem: null };
  return event && buildBody(selections, document, event);
}

/** @throws BadUserInputError */
function requireDocument(selections: Selections, document: string): void {
  if (document.length > MAX_DOCUMENT_LENGTH) {
    throw new BadUserInputError('`document` must have at most 10,000 characters.');
  }
  const problem = selections.findProblem(document);
  if (problem !== undefined) throw new BadUserInputError(problem);
}

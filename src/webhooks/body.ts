import { WEBHOOK_EVENTS, type WebhookEvent } from '../domain/webhooks.ts';
import type { Selections } from './selections.ts';

/** Builds an event's default body, which the contract of the REST API defines. */
export function buildDefaultBody({
  name,
  chatbotId,
  at,
  data,
}: Pick<WebhookEvent, 'name' | 'chatbotId' | 'at' | 'data'>): string {
  const event = toWireName(name);
  const head = JSON.stringify({ event, chatbot_id: chatbotId, timestamp: at });
  // `data` is JSON text already.
  return `${head.slice(0, -1)},"data":${data}}`;
}

/** The name of an event in bodies, also of one that only a newer gateway on the same database knows. */
const toWireName = (name: string): string =>
  (WEBHOOK_EVENTS as Readonly<Record<string, string>>)[name] ?? name.toLowerCase().replace('_', '.');

/** A body. `problem` is the reason why the document failed; null if it succeeded, or if there is no document. */
export interface WebhookBody {
  readonly body: string;
  readonly problem: string | null;
}

/** Builds the body that a document selects, or the default body if the document fails: an event is always sent. */
export async function buildBody(selections: Selections, document: string, event: WebhookEvent): Promise<WebhookBody> {
  const selection = await selections.select(document, event);
  return 'problem' in selection
    ? { body: buildDefaultBody(event), problem: selection.problem }
    : { body: buildDefaultBody({ ...event, data: selection.data }), problem: null };
}

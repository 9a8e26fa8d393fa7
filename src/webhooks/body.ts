import { WEBHOOK_EVENTS, type WebhookEvent } from '../domain/webhooks.ts';
import type { Selections } from './selections.ts';

/** Builds the default body of an event, as the contract of the REST API defines it. */
export function buildDefaultBody({
  name,
  chatbotId,
  at,
  data,
}: Pick<WebhookEvent, 'name' | 'chatbotId' | 'at' | 'data'>): string {
  const head = JSON.stringify({ event: WEBHOOK_EVENTS[name], chatbot_id: chatbotId, timestamp: at });
  // `data` is JSON text already.
  return `${head.slice(0, -1)},"data":${data}}`;
}

/** A body. `problem`: the reason why it is the default body although the subscription has a document; null otherwise. */
export interface WebhookBody {
  readonly body: string;
  readonly problem: string | null;
}

/** Builds the body that a document selects. If the document fails, it builds the default body: an event is always sent. */
export async function buildBody(selections: Selections, document: string, event: WebhookEvent): Promise<WebhookBody> {
  const selection = await selections.select(document, event);
  return 'problem' in selection
    ? { body: buildDefaultBody(event), problem: selection.problem }
    : { body: buildDefaultBody({ ...event, data: selection.data }), problem: null };
}

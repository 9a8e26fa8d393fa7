import { WEBHOOK_EVENTS, type WebhookEvent } from '../domain/webhooks.ts';
import type { Selections } from './selections.ts';

/** Makes the body that endpoints are sent of an event unless they want another: that of the contract of the REST API. */
export function buildDefaultBody({
  name,
  chatbotId,
  at,
  data,
}: Pick<WebhookEvent, 'name' | 'chatbotId' | 'at' | 'data'>): string {
  const head = JSON.stringify({ event: WEBHOOK_EVENTS[name], chatbot_id: chatbotId, timestamp: at });
  // It is JSON already.
  return `${head.slice(0, -1)},"data":${data}}`;
}

/** A body, and why it is the default one although another was wanted; null where it is not. */
export interface WebhookBody {
  readonly body: string;
  readonly problem: string | null;
}

/** Makes the body that a document wants; where it selects nothing, the default one: an endpoint is always told. */
export async function buildBody(selections: Selections, document: string, event: WebhookEvent): Promise<WebhookBody> {
  const selection = await selections.select(document, event);
  return 'problem' in selection
    ? { body: buildDefaultBody(event), problem: selection.problem }
    : { body: buildDefaultBody({ ...event, data: selection.data }), problem: null };
}

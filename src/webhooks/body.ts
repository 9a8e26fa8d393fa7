import { WEBHOOK_EVENTS, type WebhookEvent } from '../domain/webhooks.ts';
import type { Selections } from './selections.ts';

/** Makes the body that endpoints are sent of an event unless they want another: that of the contract of the REST API. */
export function composeBody({
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
export interface MadeBody {
  readonly body: string;
  readonly problem: string | null;
}

/** Makes the body that a document wants; where it selects nothing, the default one: an endpoint is always told. */
export async function makeBody(selections: Selections, document: string, event: WebhookEvent): Promise<MadeBody> {
  const selection = await selections.select(document, event);
  return 'problem' in selection
    ? { body: composeBody(event), problem: selection.problem }
    : { body: composeBody({ ...event, data: selection.data }), problem: null };
}

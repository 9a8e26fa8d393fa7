import { WEBHOOK_EVENTS, type WebhookEvent } from '../domain/webhooks.ts';

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

/** Where news of an account's deliveries are signalled: whoever writes some publishes on it, after the commit. */
export function deliveriesTopic(accountId: string): string {
  return `webhooks:${accountId}`;
}

import type { Row } from './row.ts';
import { ACCOUNT_ROWS } from './rows/account.ts';
import { CONVERSATION_ROWS } from './rows/conversations.ts';
import { MESSAGE_ROWS } from './rows/messages.ts';
import { QUERY_ROWS } from './rows/queries.ts';
import { SUBSCRIPTION_ROWS } from './rows/subscriptions.ts';
import { VISITOR_ROWS } from './rows/visitors.ts';
import { WEBHOOK_ROWS } from './rows/webhooks.ts';

/** The rows of all root fields of the schema. */
export const ROWS: readonly Row[] = [
  ...QUERY_ROWS,
  ...MESSAGE_ROWS,
  ...CONVERSATION_ROWS,
  ...ACCOUNT_ROWS,
  ...VISITOR_ROWS,
  ...WEBHOOK_ROWS,
  ...SUBSCRIPTION_ROWS,
];

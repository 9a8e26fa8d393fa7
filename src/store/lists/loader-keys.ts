import type { ListPosition } from '../../domain/ordered-list.ts';
import type { LastMessageFilter } from '../messages.ts';
import type { Page } from '../pages.ts';
import type { RowFilter } from '../row-counts.ts';

/** The key of the number of rows that belong to an object, such as the leads of a chatbot. */
export interface RowCountKey extends RowFilter {
  readonly ownerId: string;
}

/** The key of a page of a chatbot's list in one of its orders. */
export interface ListPageKey<Order> {
  readonly chatbotId: string;
  readonly order: Order;
  readonly page: Page<ListPosition>;
}

/** The key of the last message of a conversation. Notes are found only by loaders with notes. */
export interface LastMessageKey extends LastMessageFilter {
  readonly conversationId: string;
}

import { type Exchange, subscriptionExchange } from '@urql/core';
import type { ChatGraph } from './chatgraph.ts';

/**
 * Creates the last exchange of an urql client, in place of `fetchExchange`: it sends every operation with the token of
 * the client, and continues subscriptions after the last received event when a connection is lost. For that a
 * subscription has the variable `after`, and selects the `cursor` of its events.
 *
 * @example
 * const chat = createChatGraph({ url, chatbot });
 * const client = new Client({ url, exchanges: [cacheExchange, createChatGraphExchange(chat)] });
 */
export function createChatGraphExchange(chat: Pick<ChatGraph, 'execute' | 'subscribe'>): Exchange {
  return subscriptionExchange({
    enableAllOperations: true,
    forwardSubscription: ({ query, documentId, operationName, variables, extensions }, { kind }) => ({
      subscribe(observer) {
        const request = { query, documentId, operationName, variables, extensions };
        if (kind === 'subscription') return { unsubscribe: chat.subscribe(request, observer as never) };
        const abortController = new AbortController();
        chat.execute(request, abortController.signal).then(
          (result) => {
            observer.next(result as never);
            observer.complete();
          },
          (error) => observer.error(error),
        );
        return { unsubscribe: () => abortController.abort() };
      },
    }),
  });
}

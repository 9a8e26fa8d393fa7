import { ApolloLink } from '@apollo/client/link';
import { OperationTypeNode, print } from 'graphql';
import { Observable } from 'rxjs';
import type { ChatGraph } from './chatgraph.ts';
import type { GraphOperation } from './wire.ts';

/**
 * Creates the last link of Apollo Client: it sends every operation with the token of the client, and continues
 * subscriptions after the last received event when a connection is lost. For that a subscription has the variable
 * `after`, and selects the `cursor` of its events.
 *
 * @example
 * const chat = createChatGraph({ url, chatbot });
 * const client = new ApolloClient({ link: createChatGraphLink(chat), cache: new InMemoryCache({ possibleTypes }) });
 */
export function createChatGraphLink(chat: Pick<ChatGraph, 'execute' | 'subscribe'>): ApolloLink {
  return new ApolloLink((operation) => {
    const request = toRequest(operation);
    return new Observable<ApolloLink.Result>((observer) => {
      if (operation.operationType === OperationTypeNode.SUBSCRIPTION) {
        return chat.subscribe(request, {
          next: (result) => observer.next(result as ApolloLink.Result),
          error: (error) => observer.error(error),
          complete: () => observer.complete(),
        });
      }
      const abortController = new AbortController();
      chat.execute(request, abortController.signal).then(
        (result) => {
          observer.next(result as ApolloLink.Result);
          observer.complete();
        },
        (error) => observer.error(error),
      );
      return () => abortController.abort();
    });
  });
}

function toRequest({ query, operationName, variables, extensions, getContext }: ApolloLink.Operation): GraphOperation {
  // The link of persisted queries leaves the text out.
  const { http } = getContext();
  return {
    ...(http?.includeQuery !== false && { query: print(query) }),
    operationName,
    variables,
    ...(Object.keys(extensions).length > 0 && { extensions }),
  };
}

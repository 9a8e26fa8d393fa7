import { type GraphQLResponse, type INetwork, Network, Observable, type RequestParameters } from 'relay-runtime';
import type { ChatGraph } from './chatgraph.ts';
import type { GraphOperation } from './wire.ts';

/**
 * Creates the network of a Relay environment: it sends every operation with the token of the client, as its text or by
 * its id if it is persisted, and continues subscriptions after the last received event when a connection is lost. For
 * that a subscription has the variable `after`, and selects the `cursor` of its events.
 *
 * @example
 * const chat = createChatGraph({ url, chatbot });
 * const environment = new Environment({ network: createChatGraphNetwork(chat), store: new Store(new RecordSource()) });
 */
export function createChatGraphNetwork(chat: Pick<ChatGraph, 'execute' | 'subscribe'>): INetwork {
  return Network.create(
    (request, variables) => chat.execute(toOperation(request, variables)) as Promise<GraphQLResponse>,
    (request, variables) =>
      Observable.create((sink) =>
        chat.subscribe(toOperation(request, variables), {
          next: (result) => sink.next(result as GraphQLResponse),
          error: (error) => sink.error(error),
          complete: () => sink.complete(),
        }),
      ),
  );
}

const toOperation = ({ text, id, name }: RequestParameters, variables: object): GraphOperation => ({
  ...(text ? { query: text } : { documentId: id ?? '' }),
  operationName: name,
  variables,
});

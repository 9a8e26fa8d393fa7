import { graphql } from 'react-relay';
import type { RecordProxy, RecordSourceSelectorProxy } from 'relay-runtime';
import type { operationsEventsSubscription$data } from './__generated__/operationsEventsSubscription.graphql.ts';

export const SEND = graphql`mutation operationsSendMutation($input: SendMessageInput!) {
  sendMessage(input: $input) {
    ... on SendMessagePayload { conversation { id } notice }
    ... on Error { reason: message }
  }
}`;
export const MESSAGES = graphql`query operationsMessagesQuery($id: ID!) {
  conversation(id: $id) {
    id
    eventCursor
    messages(last: 50) { nodes { id role content citations { id title } } }
  }
}`;
export const EVENTS = graphql`subscription operationsEventsSubscription($id: ID!, $after: String) {
  event: conversationEvents(conversationId: $id, after: $after) {
    __typename
    cursor
    ... on MessageCreated { message { id role content citations { id title } } }
    ... on MessageDelta { messageId content }
    ... on CitationAdded { messageId citation { id title } }
    ... on MessageCompleted { message { id role content citations { id title } } }
  }
}`;

/** Applies an event that the store cannot merge by the id of its message. */
export function update(
  store: RecordSourceSelectorProxy,
  id: string,
  event: operationsEventsSubscription$data['event'],
): void {
  const record = store.getRootField('conversationEvents');
  const message = event.messageId ? store.get(event.messageId) : undefined;
  const add = (known: readonly unknown[] | null | undefined, name: string) =>
    [...new Set([...(known ?? []), record.getLinkedRecord(name)])] as RecordProxy[];
  if (event.__typename === 'MessageDelta') message?.setValue(event.content, 'content');
  if (event.__typename === 'CitationAdded') {
    message?.setLinkedRecords(add(message.getLinkedRecords('citations'), 'citation'), 'citations');
  }
  if (event.__typename === 'MessageCreated') {
    const list = store.get(id)?.getLinkedRecord('messages', { last: 50 });
    list?.setLinkedRecords(add(list.getLinkedRecords('nodes'), 'message'), 'nodes');
  }
}

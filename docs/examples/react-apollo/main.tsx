import { ApolloClient, gql, InMemoryCache, type Reference } from '@apollo/client';
import { ApolloProvider, useMutation, useQuery, useSubscription } from '@apollo/client/react';
import { createChatGraph } from '@chatgraph/client';
import { createChatGraphLink } from '@chatgraph/client/apollo';
import { useState } from 'react';
import { createRoot } from 'react-dom/client';
import possibleTypes from '../../../schema/possible-types.json';
import { EventsDocument, MessagesDocument, SendDocument } from './documents.ts';

const { gateway = '', chatbot = '' } = document.body.dataset;
const link = createChatGraphLink(createChatGraph({ url: gateway, chatbot }));
// Events have no id, and no event is part of another one.
const typePolicies = { Subscription: { fields: { conversationEvents: { merge: false } } } };
const cache = new InMemoryCache({ possibleTypes, typePolicies });
const client = new ApolloClient({ link, cache });

/** The messages of a conversation: a query, and every event after it. The cache merges messages by their ids. */
function Messages({ id }: { id: string }) {
  const { data, refetch } = useQuery(MessagesDocument, { variables: { id } });
  useSubscription(EventsDocument, {
    variables: { id, after: data?.conversation?.eventCursor },
    skip: !data,
    onData({ data: { data: received } }) {
      const event = received?.event;
      if (event?.__typename === 'MessageCreated' || event?.__typename === 'StreamGap') void refetch();
      if (event?.__typename === 'MessageDelta') {
        const fragment = gql`fragment Content on Message { content }`;
        const message = { __typename: 'Message', content: event.content };
        cache.writeFragment({ id: `Message:${event.messageId}`, fragment, data: message });
      }
      if (event?.__typename === 'CitationAdded') {
        const added = { __ref: cache.identify(event.citation) ?? '' };
        const addTo = (known: readonly Reference[]) => [...known.filter(({ __ref }) => __ref !== added.__ref), added];
        cache.modify({ id: `Message:${event.messageId}`, fields: { citations: (known) => addTo(known) } });
      }
    },
  });
  return (
    <ol aria-label="Messages">
      {data?.conversation?.messages.nodes.map(({ id: key, role, content, citations }) => (
        <li key={key}>
          <b>{role.toLowerCase()}</b> {content}
          {citations.map(({ id: citationId, title }) => (
            <cite key={citationId}>{title}</cite>
          ))}
        </li>
      ))}
    </ol>
  );
}

function Chat() {
  const [id, setId] = useState<string>();
  const [send, { data, error }] = useMutation(SendDocument);
  const result = data?.sendMessage;

  async function submit(content: string) {
    const input = { content, ...(id ? { conversationId: id } : { chatbotId: chatbot }) };
    const { data: sent } = await send({ variables: { input } });
    if (sent && 'conversation' in sent.sendMessage) setId(sent.sendMessage.conversation.id);
  }

  return (
    <>
      {id && <Messages id={id} />}
      <p role="status">{error?.message ?? (result && 'reason' in result ? result.reason : result?.notice)}</p>
      <form action={(form) => submit(String(form.get('content')))}>
        <input name="content" aria-label="Your message" required />
        <button type="submit">Send</button>
      </form>
    </>
  );
}

createRoot(document.querySelector('main') as HTMLElement).render(
  <ApolloProvider client={client}>
    <Chat />
  </ApolloProvider>,
);

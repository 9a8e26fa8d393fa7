import { createChatGraph } from '@chatgraph/client';
import { createChatGraphExchange } from '@chatgraph/client/urql';
import { useState } from 'react';
import { createRoot } from 'react-dom/client';
import { Client, cacheExchange, Provider, useMutation, useQuery, useSubscription } from 'urql';
import { EventsDocument, MessagesDocument, SendDocument } from './documents.ts';
import { applyEvent, type MessagesById } from './messages.ts';

const { gateway = '', chatbot = '' } = document.body.dataset;
const exchange = createChatGraphExchange(createChatGraph({ url: gateway, chatbot }));
const client = new Client({ url: gateway, exchanges: [cacheExchange, exchange], preferGetMethod: false });

/** The messages of a conversation: a query, and every event after it. */
function Messages({ id }: { id: string }) {
  const [{ data }] = useQuery({ query: MessagesDocument, variables: { id } });
  const conversation = data?.conversation;
  const known: MessagesById = Object.fromEntries(
    conversation?.messages.nodes.map((message) => [message.id, message]) ?? [],
  );
  const [{ data: messages = known }] = useSubscription(
    { query: EventsDocument, variables: { id, after: conversation?.eventCursor }, pause: !conversation },
    (before: MessagesById = known, event) => applyEvent(before, event),
  );
  return (
    <ol aria-label="Messages">
      {Object.keys(messages)
        .sort()
        .map((key) => (
          <li key={key}>
            <b>{messages[key]?.role.toLowerCase()}</b> {messages[key]?.content}
            {messages[key]?.citations.map((citation) => (
              <cite key={citation.id}>{citation.title}</cite>
            ))}
          </li>
        ))}
    </ol>
  );
}

function Chat() {
  const [id, setId] = useState<string>();
  const [{ data, error }, send] = useMutation(SendDocument);
  const result = data?.sendMessage;

  async function submit(content: string) {
    const input = { content, ...(id ? { conversationId: id } : { chatbotId: chatbot }) };
    const { data: sent } = await send({ input });
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
  <Provider value={client}>
    <Chat />
  </Provider>,
);

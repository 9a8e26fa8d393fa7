import { createChatGraph } from '@chatgraph/client';
import { createChatGraphNetwork } from '@chatgraph/client/relay';
import { Suspense, useMemo, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { RelayEnvironmentProvider, useLazyLoadQuery, useMutation, useSubscription } from 'react-relay';
import { Environment, RecordSource, Store } from 'relay-runtime';
import type { operationsEventsSubscription } from './__generated__/operationsEventsSubscription.graphql.ts';
import type { operationsMessagesQuery } from './__generated__/operationsMessagesQuery.graphql.ts';
import type { operationsSendMutation } from './__generated__/operationsSendMutation.graphql.ts';
import { EVENTS, MESSAGES, SEND, update } from './operations.ts';

const { gateway = '', chatbot = '' } = document.body.dataset;
const network = createChatGraphNetwork(createChatGraph({ url: gateway, chatbot }));
const environment = new Environment({ network, store: new Store(new RecordSource()) });

/** The messages of a conversation: a query, and every event after it. */
function Messages({ id }: { id: string }) {
  const { conversation } = useLazyLoadQuery<operationsMessagesQuery>(MESSAGES, { id });
  const [after] = useState(conversation?.eventCursor);
  useSubscription<operationsEventsSubscription>(
    useMemo(
      () => ({
        subscription: EVENTS,
        variables: { id, after: after ?? null },
        updater: (store, data) => data && update(store, id, data.event),
      }),
      [id, after],
    ),
  );
  return (
    <ol aria-label="Messages">
      {conversation?.messages.nodes.map(({ id: key, role, content, citations }) => (
        <li key={key}>
          <b>{role.toLowerCase()}</b> {content}
          {citations.map((citation) => (
            <cite key={citation.id}>{citation.title}</cite>
          ))}
        </li>
      ))}
    </ol>
  );
}

function Chat() {
  const [id, setId] = useState<string>();
  const [status, setStatus] = useState<string | null>();
  const [send] = useMutation<operationsSendMutation>(SEND);

  function submit(content: string) {
    const input = { content, ...(id ? { conversationId: id } : { chatbotId: chatbot }) };
    send({
      variables: { input },
      onError: ({ message }) => setStatus(message),
      onCompleted({ sendMessage: { conversation, notice, reason } }) {
        setId(conversation?.id ?? id);
        setStatus(reason ?? notice);
      },
    });
  }

  return (
    <>
      <Suspense>{id && <Messages id={id} />}</Suspense>
      <p role="status">{status}</p>
      <form action={(form) => submit(String(form.get('content')))}>
        <input name="content" aria-label="Your message" required />
        <button type="submit">Send</button>
      </form>
    </>
  );
}

createRoot(document.querySelector('main') as HTMLElement).render(
  <RelayEnvironmentProvider environment={environment}>
    <Chat />
  </RelayEnvironmentProvider>,
);

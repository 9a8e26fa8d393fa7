import { createClient } from 'graphql-ws';
import { expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { send } from '../helpers/chatbots.ts';
import { startGatewayWithCompletedReply, waitForReaders } from '../helpers/conversations.ts';
import { finish } from '../helpers/models/engines.ts';

interface UnreadCountEvent {
  readonly conversationEvents: {
    readonly message?: { readonly role: string; readonly conversation: { readonly unreadCount: number } };
  };
}

const CONVERSATION_EVENTS = `subscription ($id: ID!) {
  conversationEvents(conversationId: $id) { ... on MessageCreated { message { role conversation { unreadCount } } } }
}`;

it('reads related data again for each event of a subscription', async () => {
  const { gateway, engine, conversationId } = await startGatewayWithCompletedReply();
  // Otherwise closing the gateway would wait for the replies, which stay open so that the messages stay unanswered.
  onTestFinished(() => engine.push(finish, finish));
  const client = createClient({
    url: `${gateway.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { Authorization: `Bearer ${gateway.key}` },
  });
  onTestFinished(() => void client.dispose());
  const events = client.iterate<UnreadCountEvent>({ query: CONVERSATION_EVENTS, variables: { id: conversationId } });
  await waitForReaders(gateway, 1);

  /** Sends a message, and returns the number of unread messages in its event. */
  async function sendAndCount(content: string): Promise<number | undefined> {
    await send(gateway, { conversationId, content });
    for (;;) {
      const { message } = (await events.next()).value?.data?.conversationEvents ?? {};
      if (message?.role === 'USER') return message.conversation.unreadCount;
    }
  }
  expect(await sendAndCount('First?')).toBe(1);
  expect(await sendAndCount('Second?')).toBe(2);
});

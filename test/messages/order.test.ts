import { expect, it, onTestFinished } from 'vitest';
import { createIdAfter } from '../../src/domain/ids.ts';
import { findMessage, insertMessage } from '../../src/store/messages.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { startGateway } from '../helpers/gateway.ts';
import { webSocket } from '../helpers/streams.ts';

const AN_HOUR_AHEAD = (Date.now() + 3_600_000).toString(16).padStart(12, '0');

it('lists messages in the order of sending, even after one from a machine with a fast clock', async () => {
  const gateway = await startGateway();
  onTestFinished(() => gateway.close());
  const { deps, accountId } = gateway;
  const first = await send(gateway, { chatbotId: await createChatbot(gateway), content: 'First?' });
  const { conversationId } = first;
  await webSocket.subscribe(gateway, { messageId: first.replyId }).ended;

  const sent = await findMessage(deps.db.read, accountId, first.messageId);
  if (sent === undefined) throw new Error('There is no message.');
  const ahead = `${AN_HOUR_AHEAD.slice(0, 8)}-${AN_HOUR_AHEAD.slice(8)}${first.messageId.slice(13)}`;
  for (const isShown of [true, false]) {
    const id = isShown ? ahead : createIdAfter('message', ahead);
    await deps.db.transaction((trx) => insertMessage(trx, { ...sent, id, isShown, content: 'Ahead' }));
  }
  const second = await send(gateway, { conversationId, content: 'Second?' });
  const { data } = await gateway.graphql<{ node: { messages: { nodes: { id: string }[] } } }>(
    'query ($id: ID!) { node(id: $id) { ... on Conversation { messages { nodes { id } } } } }',
    { id: conversationId },
  );
  const ids = data.node.messages.nodes.map(({ id }) => id);
  expect(ids).toEqual([first.messageId, first.replyId, ahead, second.messageId, second.replyId]);
  expect(ids.toSorted()).toEqual(ids);
  await webSocket.subscribe(gateway, { messageId: second.replyId }).ended;
});

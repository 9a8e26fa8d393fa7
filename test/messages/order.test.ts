import { expect, it, onTestFinished } from 'vitest';
import { createIdAfter } from '../../src/domain/ids.ts';
import { findMessage, insertMessage } from '../../src/store/messages.ts';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { startGateway } from '../helpers/gateway.ts';
import { webSocket } from '../helpers/streams.ts';

const HOUR_AHEAD_HEX = (Date.now() + 3_600_000).toString(16).padStart(12, '0');

it('lists messages in the order of sending, even after a message from a machine with a fast clock', async () => {
  const gateway = await startGateway();
  onTestFinished(() => gateway.close());
  const { deps, accountId } = gateway;
  const first = await send(gateway, { chatbotId: await createChatbot(gateway), content: 'First?' });
  const { conversationId } = first;
  await webSocket.subscribe(gateway, { messageId: first.replyId }).ended;

  const firstMessage = await findMessage(deps.db.read, accountId, first.messageId);
  if (firstMessage === undefined) throw new Error('There is no message.');
  const aheadId = `${HOUR_AHEAD_HEX.slice(0, 8)}-${HOUR_AHEAD_HEX.slice(8)}${first.messageId.slice(13)}`;
  for (const isShown of [true, false]) {
    const id = isShown ? aheadId : createIdAfter('message', aheadId);
    await deps.db.transaction((trx) => insertMessage(trx, { ...firstMessage, id, isShown, content: 'Ahead' }));
  }
  const second = await send(gateway, { conversationId, content: 'Second?' });
  const { data } = await gateway.graphql<{ node: { messages: { nodes: { id: string }[] } } }>(
    'query ($id: ID!) { node(id: $id) { ... on Conversation { messages { nodes { id } } } } }',
    { id: conversationId },
  );
  const ids = data.node.messages.nodes.map(({ id }) => id);
  expect(ids).toEqual([first.messageId, first.replyId, aheadId, second.messageId, second.replyId]);
  expect(ids.toSorted()).toEqual(ids);
  await webSocket.subscribe(gateway, { messageId: second.replyId }).ended;
});

import { createId } from '../../../../src/domain/ids.ts';
import { send } from '../../../helpers/chatbots.ts';
import { webSocket } from '../../../helpers/streams.ts';
import type { Args, Row } from '../row.ts';
import type { World } from '../world.ts';

const MAX_SIBLINGS = 50;

/** Runs a mutation with a `clientMessageId`, and returns the same input with another content. */
async function useClientMessageId({ run }: World, name: string, input: Args): Promise<Args> {
  const clientMessageId = createId('message');
  await run(name, { ...input, clientMessageId });
  return { ...input, clientMessageId, content: 'Something else' };
}

/** Writes a private note in a conversation that no other test changes. */
async function writeNote({ run, paused: { conversationId } }: World): Promise<string> {
  const input = { conversationId, content: 'A note', isPrivate: true };
  return (await run<{ agentMessage: { id: string } }>('sendAgentMessage', input, 'agentMessage { id }')).agentMessage
    .id;
}

/** Creates a message with as many versions as a message can have. */
async function createCrowdedMessage(world: World): Promise<string> {
  const { messageId, replyId } = await send(world, { chatbotId: world.ids.chatbot, content: 'Hello' });
  await webSocket.subscribe(world, { messageId: replyId }).ended;
  await world.deps.db.transaction(async (trx) => {
    const row = await trx.selectFrom('messages').selectAll().where('id', '=', messageId).executeTakeFirstOrThrow();
    const versions = Array.from({ length: MAX_SIBLINGS }, () => ({
      ...row,
      id: createId('message'),
      is_shown: 0 as const,
    }));
    await trx.insertInto('messages').values(versions).execute();
  });
  return messageId;
}

/** Sends a message of a visitor, waits for its reply and blocks the visitor. */
async function blockSender(world: World) {
  const { ids, run } = world;
  const externalId = createId('visitor');
  const sent = await send(world, { chatbotId: ids.chatbot, content: 'Hello', visitor: { externalId } });
  await webSocket.subscribe(world, { messageId: sent.replyId }).ended;
  const { visitorId } = await world.deps.db.read
    .selectFrom('visitors')
    .select('id as visitorId')
    .where('external_id', '=', externalId)
    .executeTakeFirstOrThrow();
  await run('blockVisitor', { id: visitorId });
  return { ...sent, externalId };
}

/** The rows of the mutations of messages. */
export const MESSAGE_ROWS: readonly Row[] = [
  {
    field: 'sendMessage',
    scopes: [['CHAT']],
    args: ({ ids }) => ({ chatbotId: ids.chatbot, content: 'Hello' }),
    ids: {
      chatbotId: { kind: 'chatbot' },
      conversationId: { kind: 'conversation', args: (id) => ({ conversationId: id, content: 'Hello' }) },
    },
    errors: {
      InvalidInputError: ({ ids }) => ({ chatbotId: ids.chatbot, content: ' ' }),
      ChatbotPausedError: ({ pausedChatbotId }) => ({ chatbotId: pausedChatbotId, content: 'Hello' }),
      ConversationBusyError: ({ unfinished: { conversationId } }) => ({
        ...{ conversationId, content: 'Hello', whenBusy: 'REJECT' },
      }),
      IdempotencyConflictError: (world) =>
        useClientMessageId(world, 'sendMessage', { chatbotId: world.ids.chatbot, content: 'Hello' }),
      QuotaExceededError: async ({ ids, exhaustQuota }) => {
        await exhaustQuota();
        return { chatbotId: ids.chatbot, content: 'Hello' };
      },
      VisitorBlockedError: async (world) => {
        const { externalId } = await blockSender(world);
        return { chatbotId: world.ids.chatbot, content: 'Hello', visitor: { externalId } };
      },
    },
  },
  {
    field: 'editMessage',
    scopes: [['CHAT']],
    args: ({ ids }) => ({ id: ids.message, content: 'Again' }),
    ids: { id: { kind: 'message' } },
    errors: {
      InvalidInputError: ({ replyId }) => ({ id: replyId, content: 'Again' }),
      ChatbotPausedError: ({ paused }) => ({ id: paused.messageId, content: 'Again' }),
      ConversationBusyError: ({ unfinished }) => ({ id: unfinished.messageId, content: 'Again', whenBusy: 'REJECT' }),
      IdempotencyConflictError: (world) =>
        useClientMessageId(world, 'editMessage', { id: world.ids.message, content: 'Again' }),
      QuotaExceededError: async ({ ids, exhaustQuota }) => {
        await exhaustQuota();
        return { id: ids.message, content: 'Again' };
      },
      VisitorBlockedError: async (world) => ({ id: (await blockSender(world)).messageId, content: 'Again' }),
    },
  },
  {
    field: 'regenerateMessage',
    scopes: [['CHAT']],
    args: ({ replyId }) => ({ id: replyId }),
    ids: { id: { kind: 'message' } },
    errors: {
      InvalidInputError: ({ ids }) => ({ id: ids.message }),
      ChatbotPausedError: ({ paused }) => ({ id: paused.replyId }),
      ConversationBusyError: ({ unfinished }) => ({ id: unfinished.replyId, whenBusy: 'REJECT' }),
      IdempotencyConflictError: async ({ run, replyId, unfinished }) => {
        const clientMessageId = createId('message');
        await run('regenerateMessage', { id: replyId, clientMessageId });
        return { id: unfinished.replyId, clientMessageId };
      },
      QuotaExceededError: async ({ replyId, exhaustQuota }) => {
        await exhaustQuota();
        return { id: replyId };
      },
      VisitorBlockedError: async (world) => ({ id: (await blockSender(world)).replyId }),
    },
  },
  {
    field: 'stopMessage',
    scopes: [['CHAT']],
    args: ({ replyId }) => ({ id: replyId }),
    ids: { id: { kind: 'message' } },
  },
  {
    field: 'rateMessage',
    scopes: [['CHAT']],
    args: ({ replyId }) => ({ id: replyId, rating: 'UP' }),
    ids: { id: { kind: 'message' } },
    errors: { InvalidInputError: ({ ids }) => ({ id: ids.message, rating: 'UP' }) },
  },
  {
    field: 'selectBranch',
    scopes: [['CHAT']],
    args: ({ ids }) => ({ id: ids.message }),
    ids: { id: { kind: 'message' } },
  },
  {
    field: 'sendAgentMessage',
    scopes: [['MANAGE']],
    args: ({ paused: { conversationId } }) => ({ conversationId, content: 'Hello' }),
    ids: { conversationId: { kind: 'conversation' } },
    errors: {
      InvalidInputError: ({ paused: { conversationId } }) => ({ conversationId, content: ' ' }),
      IdempotencyConflictError: (world) =>
        useClientMessageId(world, 'sendAgentMessage', {
          conversationId: world.paused.conversationId,
          content: 'Hello',
        }),
    },
  },
  {
    field: 'updateAgentMessage',
    scopes: [['MANAGE']],
    args: async (world) => ({ id: await writeNote(world), content: 'Changed' }),
    ids: { id: { kind: 'message' } },
    errors: { InvalidInputError: ({ ids }) => ({ id: ids.message, content: 'Changed' }) },
  },
  {
    field: 'deleteMessage',
    scopes: [['MANAGE']],
    args: async (world) => ({ id: await writeNote(world) }),
    ids: { id: { kind: 'message' } },
    errors: {
      InvalidInputError: async (world) => ({ id: await createCrowdedMessage(world) }),
      ConversationBusyError: ({ unfinished }) => ({ id: unfinished.replyId }),
    },
  },
];

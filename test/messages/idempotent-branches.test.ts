import { expect, it, onTestFinished, vi } from 'vitest';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { describeDatabases, type TestEngine } from '../helpers/databases.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';
import { webSocket } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

const SOON = { timeout: 20_000, interval: 50 };
const TIMEOUT = { timeout: 60_000 };

interface BranchResult {
  readonly __typename: string;
  readonly userMessage?: { id: string };
  readonly reply?: { id: string } | null;
  readonly fields?: readonly { path: string[] }[];
}

/** Opens a gateway with a conversation in which one question is answered. */
async function open(databaseEngine: TestEngine) {
  const engine = createScriptedEngine();
  const gateway = await startGateway({
    engine: databaseEngine,
    env: { MONTHLY_MESSAGE_LIMIT: '3' },
    overrides: { engines: new Map([['builtin', engine]]) },
  });
  onTestFinished(() => gateway.close());
  onTestFinished(() => engine.push(...Array(4).fill(finish)));
  const chatbotId = await createChatbot(gateway);
  engine.push(delta('First.'), finish);
  const first = await send(gateway, { chatbotId, content: 'Well?' });
  await webSocket.subscribe(gateway, { messageId: first.replyId }).ended;
  return { gateway, engine, chatbotId, first };
}

const MUTATIONS = [
  { name: 'regenerateMessage', selection: 'reply { id }', target: 'replyId', input: {}, newMessages: 1 },
  {
    name: 'editMessage',
    selection: 'userMessage { id } reply { id } notice',
    target: 'messageId',
    input: { content: 'What?', metadata: { a: 1, b: 2 } },
    newMessages: 2,
  },
] as const;

async function countMessages({ deps }: TestGateway): Promise<number> {
  return (await deps.db.read.selectFrom('messages').select('id').execute()).length;
}

for (const { name, selection, target, input, newMessages } of MUTATIONS) {
  describeDatabases(`${name} with a clientMessageId`, (databaseEngine) => {
    it('has one effect when it is requested 50 times concurrently, and the same result later', TIMEOUT, async () => {
      const { gateway, engine, chatbotId, first } = await open(databaseEngine);
      const request = (overrides: object = {}) =>
        mutate<BranchResult>(
          gateway,
          name,
          { id: first[target], ...input, clientMessageId: 'one', ...overrides },
          { selection },
        );
      const results = await Promise.all(Array.from({ length: 50 }, () => request()));
      expect(new Set(results.map((answer) => JSON.stringify(answer))).size).toBe(1);
      expect(results[0]?.reply?.id).toBeTypeOf('string');
      expect(await countMessages(gateway)).toBe(2 + newMessages);
      await vi.waitFor(() => expect(engine.questionCount).toBe(2), SOON);
      engine.push(delta('Second.'), finish);
      const replyId = results[0]?.reply?.id ?? '';
      await webSocket.subscribe(gateway, { messageId: replyId }).ended;

      // A repeated request succeeds even in a state in which a new request is rejected.
      expect(await request({ whenBusy: 'REJECT' })).toEqual(results[0]);
      await mutate(gateway, 'closeConversation', { id: first.conversationId });
      await mutate(gateway, 'updateChatbot', { id: chatbotId, isActive: false });
      expect(await request()).toEqual(results[0]);
      expect(await countMessages(gateway)).toBe(2 + newMessages);
      expect(engine.questionCount).toBe(2);
    });

    it('is rejected if another request used the id, unless the gateway rejected that request', TIMEOUT, async () => {
      const { gateway, engine, first } = await open(databaseEngine);
      const request = (overrides: object) =>
        mutate<BranchResult>(
          gateway,
          name,
          { id: first[target], ...input, clientMessageId: 'one', ...overrides },
          { selection },
        );
      expect(await request({ clientMessageId: ' ' })).toMatchObject({ fields: [{ path: ['clientMessageId'] }] });
      const wrongTarget = target === 'replyId' ? first.messageId : first.replyId;
      expect((await request({ id: wrongTarget })).__typename).toBe('InvalidInputError');
      const { userMessage, reply } = await request({});
      expect(reply?.id).toBeTypeOf('string');
      expect((await request({ id: wrongTarget })).__typename).toBe('IdempotencyConflictError');
      if (name === 'editMessage') {
        expect((await request({ content: 'Other?' })).__typename).toBe('IdempotencyConflictError');
        expect((await request({ metadata: { b: 2, a: 1 } })).userMessage).toEqual(userMessage);
      }
      // A clientMessageId counts only within one mutation, so sendMessage with the same id is a new request.
      engine.push(delta('One.'), finish, delta('Two.'), finish);
      const sent = await send(gateway, {
        conversationId: first.conversationId,
        content: 'And?',
        clientMessageId: 'one',
      });
      expect([userMessage?.id, reply?.id]).not.toContain(sent.messageId);
      await webSocket.subscribe(gateway, { messageId: reply?.id ?? '' }).ended;
      expect((await request({ clientMessageId: 'two' })).__typename).toBe('QuotaExceededError');
    });
  });
}

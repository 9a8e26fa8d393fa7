import { expect, it, onTestFinished, vi } from 'vitest';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { describeEngines, type TestEngine } from '../helpers/databases.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';
import { webSocket } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

const SOON = { timeout: 20_000, interval: 50 };
const LIMIT = { timeout: 60_000 };

interface Branched {
  readonly __typename: string;
  readonly userMessage?: { id: string };
  readonly reply?: { id: string } | null;
  readonly fields?: readonly { path: string[] }[];
}

/** A gateway with a conversation in which one question was answered. */
async function open(kind: TestEngine) {
  const engine = createScriptedEngine();
  const gateway = await startGateway({
    engine: kind,
    env: { MONTHLY_MESSAGE_LIMIT: '3' },
    replaced: { engines: new Map([['builtin', engine]]) },
  });
  onTestFinished(() => gateway.close());
  onTestFinished(() => engine.push(...Array(4).fill(finish)));
  const chatbotId = await createChatbot(gateway);
  engine.push(delta('First.'), finish);
  const first = await send(gateway, { chatbotId, content: 'Well?' });
  await webSocket.subscribe(gateway, { messageId: first.replyId }).ended;
  return { gateway, engine, chatbotId, first };
}

const VERBS = [
  { name: 'regenerateMessage', selection: 'reply { id }', of: 'replyId', input: {}, rows: 1 },
  {
    name: 'editMessage',
    selection: 'userMessage { id } reply { id } notice',
    of: 'messageId',
    input: { content: 'What?', metadata: { a: 1, b: 2 } },
    rows: 2,
  },
] as const;

async function countMessages({ deps }: TestGateway): Promise<number> {
  return (await deps.db.read.selectFrom('messages').select('id').execute()).length;
}

for (const { name, selection, of, input, rows } of VERBS) {
  describeEngines(`${name} with a clientMessageId`, (kind) => {
    it('has one effect when it is requested 50 times concurrently, and the same result later', LIMIT, async () => {
      const { gateway, engine, chatbotId, first } = await open(kind);
      const ask = (more: object = {}) =>
        mutate<Branched>(
          gateway,
          name,
          { messageId: first[of], ...input, clientMessageId: 'one', ...more },
          { selection },
        );
      const all = await Promise.all(Array.from({ length: 50 }, () => ask()));
      expect(new Set(all.map((answer) => JSON.stringify(answer))).size).toBe(1);
      expect(all[0]?.reply?.id).toBeTypeOf('string');
      expect(await countMessages(gateway)).toBe(2 + rows);
      await vi.waitFor(() => expect(engine.asked).toBe(2), SOON);
      engine.push(delta('Second.'), finish);
      const replyId = all[0]?.reply?.id ?? '';
      await webSocket.subscribe(gateway, { messageId: replyId }).ended;

      // A state that rejects new requests does not reject a repeated one.
      expect(await ask({ whenBusy: 'REJECT' })).toEqual(all[0]);
      await mutate(gateway, 'closeConversation', { conversationId: first.conversationId });
      await mutate(gateway, 'updateChatbot', { id: chatbotId, isActive: false });
      expect(await ask()).toEqual(all[0]);
      expect(await countMessages(gateway)).toBe(2 + rows);
      expect(engine.asked).toBe(2);
    });

    it('is rejected for a different request, and does not store the key of a rejected request', LIMIT, async () => {
      const { gateway, engine, first } = await open(kind);
      const ask = (more: object) =>
        mutate<Branched>(
          gateway,
          name,
          { messageId: first[of], ...input, clientMessageId: 'one', ...more },
          { selection },
        );
      expect(await ask({ clientMessageId: ' ' })).toMatchObject({ fields: [{ path: ['clientMessageId'] }] });
      const wrong = of === 'replyId' ? first.messageId : first.replyId;
      expect((await ask({ messageId: wrong })).__typename).toBe('InvalidInputError');
      const { userMessage, reply } = await ask({});
      expect(reply?.id).toBeTypeOf('string');
      expect((await ask({ messageId: wrong })).__typename).toBe('IdempotencyConflictError');
      if (name === 'editMessage') {
        expect((await ask({ content: 'Other?' })).__typename).toBe('IdempotencyConflictError');
        expect((await ask({ metadata: { b: 2, a: 1 } })).userMessage).toEqual(userMessage);
      }
      // The same id is another one at another mutation, and another id another request.
      engine.push(delta('One.'), finish, delta('Two.'), finish);
      const sent = await send(gateway, {
        conversationId: first.conversationId,
        content: 'And?',
        clientMessageId: 'one',
      });
      expect([userMessage?.id, reply?.id]).not.toContain(sent.messageId);
      await webSocket.subscribe(gateway, { messageId: reply?.id ?? '' }).ended;
      expect((await ask({ clientMessageId: 'two' })).__typename).toBe('QuotaExceededError');
    });
  });
}

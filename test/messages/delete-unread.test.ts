import { expect, it } from 'vitest';
import { createChatbot } from '../helpers/chatbots.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { createScriptedEngine, delta, finish } from '../helpers/models/engines.ts';
import { createRandom } from '../helpers/random.ts';
import { webSocket } from '../helpers/streams.ts';
import { mutate, openGateway } from '../schema/support.ts';

/** The random runs; `SEEDS=50` makes a long run. */
const SEEDS = Number(process.env.SEEDS ?? 2);
const STEPS = 24;
/** The last step at which a side marks the conversation as read: marks hide what later deletions make unread. */
const LAST_MARK = 12;
const FALLBACK = 'I do not know.';

interface Sent {
  readonly conversation: { readonly id: string };
  readonly userMessage: { readonly id: string; readonly createdAt: string };
  readonly reply: { readonly id: string } | null;
}

/** A message as the definitions of what is unread see it. */
interface Known {
  readonly id: string;
  readonly role: 'USER' | 'ASSISTANT' | 'AGENT' | 'NOTE';
  readonly writtenAt: number;
  readonly createdAt?: string;
  readonly isAnswer?: boolean;
  /** The step at which its end was to be read by the visitor; absent if there was none. */
  readonly readableAt?: number;
}

/** A conversation, what both sides do in it, and what is unread by the definitions. */
function createConversation(
  gateway: TestGateway,
  engine: ReturnType<typeof createScriptedEngine>,
  target: { chatbotId: string; sessionId: string },
) {
  let messages: Known[] = [];
  let markedUntil = '';
  let markedAt = 0;
  let conversationId = '';
  let openReply: Known | undefined;

  /** Waits for the end of the open reply, if there is one. */
  async function endReply(changes: Partial<Known>): Promise<void> {
    if (!openReply) return;
    const { id } = openReply;
    await webSocket.subscribe(gateway, { messageId: id }).ended;
    messages = messages.map((message) => (message.id === id ? { ...message, ...changes } : message));
    openReply = undefined;
  }

  return {
    async ask(step: number) {
      if (openReply) return;
      const selection = 'conversation { id } userMessage { id createdAt } reply { id }';
      const sent = await mutate<Sent>(gateway, 'sendMessage', { ...target, content: 'Q' }, { selection });
      conversationId = sent.conversation.id;
      messages.push({ ...sent.userMessage, role: 'USER', writtenAt: step });
      if (sent.reply === null) return;
      openReply = { id: sent.reply.id, role: 'ASSISTANT', writtenAt: step };
      messages.push(openReply);
    },
    async complete(step: number, text: string) {
      if (!openReply) return;
      engine.push(delta(text), finish);
      await endReply({ isAnswer: text !== FALLBACK, readableAt: step });
    },
    async sendAsAgent(step: number, isPrivate: boolean) {
      const input = { conversationId, content: 'A person', isPrivate };
      const selection = 'agentMessage { id }';
      const { agentMessage } = await mutate<{ agentMessage: { id: string } }>(gateway, 'sendAgentMessage', input, {
        selection,
      });
      const known = isPrivate
        ? ({ role: 'NOTE' } as const)
        : { role: 'AGENT' as const, isAnswer: true, readableAt: step };
      messages.push({ id: agentMessage.id, writtenAt: step, ...known });
      // A takeover stops the open reply, which has no text yet.
      if (!isPrivate) await endReply({});
    },
    async mark(step: number, by: 'AGENT' | 'USER') {
      await mutate(gateway, 'markConversationRead', { id: conversationId, by });
      if (by === 'USER') markedAt = step;
      else markedUntil = [markedUntil, ...messages.map(({ id }) => id)].sort().at(-1) ?? '';
    },
    /** Deletes a message; an unfinished reply refuses, and so does its question. */
    async remove(index: number) {
      const message = messages[index % messages.length];
      if (!message) return;
      const input = { id: message.id };
      const selection = 'deletedIds';
      const { deletedIds = [] } = await mutate<{ deletedIds?: string[] }>(gateway, 'deleteMessage', input, {
        selection,
      });
      messages = messages.filter(({ id }) => !deletedIds.includes(id));
    },
    act: (name: string) => mutate(gateway, name, { id: conversationId }),
    async read() {
      const fields = 'unreadCount visitorUnreadCount waitingSince status answeredBy';
      const { data } = await gateway.graphql<{ conversation: Record<string, unknown> }>(
        `query ($id: ID!) { conversation(id: $id) { ${fields} } }`,
        { id: conversationId },
      );
      return data.conversation;
    },
    define(isPersonExpected: boolean) {
      const answered = messages.reduce((last, { id, isAnswer }) => (isAnswer && id > last ? id : last), markedUntil);
      const written = messages.reduce((last, m) => (m.role === 'USER' ? Math.max(last, m.writtenAt) : last), markedAt);
      const unread = messages.filter(({ role, id }) => role === 'USER' && id > answered);
      return {
        unreadCount: unread.length,
        visitorUnreadCount: messages.filter(({ readableAt = 0 }) => readableAt > written).length,
        waitingSince: isPersonExpected ? (unread[0]?.createdAt ?? null) : null,
      };
    },
  };
}

it('counts the unread messages of both sides by their definitions, whatever messages are deleted', async () => {
  const engine = createScriptedEngine();
  const gateway = await openGateway({ overrides: { engines: new Map([['builtin', engine]]) } });
  const chatbotId = await createChatbot(gateway, { fallbackMessage: FALLBACK });
  for (let seed = 0; seed < SEEDS; seed++) {
    const random = createRandom(seed);
    const conversation = createConversation(gateway, engine, { chatbotId, sessionId: `${seed}` });
    await conversation.ask(1);
    for (let step = 2; step < STEPS; step++) {
      const remove = () => conversation.remove(random.below(1_000));
      const actions = [
        () => conversation.ask(step),
        () => conversation.complete(step, 'Yes.'),
        () => conversation.complete(step, FALLBACK),
        () => conversation.sendAsAgent(step, random.below(3) === 0),
        () => conversation.act('handBackConversation'),
        () => conversation.act('escalateConversation'),
        remove,
        remove,
        () => (step <= LAST_MARK ? conversation.mark(step, 'AGENT') : remove()),
        () => (step <= LAST_MARK ? conversation.mark(step, 'USER') : remove()),
      ];
      const index = random.below(actions.length);
      await actions[index]?.();
      const { status, answeredBy, ...state } = await conversation.read();
      const expected = conversation.define(status === 'ESCALATED' || answeredBy === 'AGENT');
      expect(state, `seed ${seed}, step ${step}, action ${index}`).toEqual(expected);
    }
    await conversation.complete(STEPS, 'Yes.');
  }
});

it('subtracts deleted messages from the count of the visitor when their events have expired', async () => {
  const engine = createScriptedEngine();
  const gateway = await openGateway({ overrides: { engines: new Map([['builtin', engine]]) } });
  const chatbotId = await createChatbot(gateway);
  const conversation = createConversation(gateway, engine, { chatbotId, sessionId: 'one' });
  await conversation.ask(1);
  await conversation.complete(2, 'Yes.');
  for (const step of [3, 4]) await conversation.sendAsAgent(step, false);
  expect(await conversation.read()).toMatchObject({ visitorUnreadCount: 3 });
  await gateway.deps.db.transaction((trx) => trx.deleteFrom('conversation_events').execute());
  for (const visitorUnreadCount of [2, 1, 0]) {
    await conversation.remove(1);
    expect(await conversation.read()).toMatchObject({ visitorUnreadCount });
  }
});

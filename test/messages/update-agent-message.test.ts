import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { createManualClock } from '../helpers/clock.ts';
import { readGaplessLog, waitForMessageEvent, waitForReaders } from '../helpers/conversations.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';
import { webSocket } from '../helpers/streams.ts';
import { createKeyWith, mutate } from '../schema/support.ts';

interface AgentMessageResult {
  readonly __typename: string;
  readonly agentMessage: { readonly id: string; readonly content: string; readonly updatedAt: string };
}

const SELECTION = { selection: 'agentMessage { id content createdAt updatedAt }' };
const clock = createManualClock();

let gateway: TestGateway;
let sent: Awaited<ReturnType<typeof send>>;

beforeAll(async () => {
  gateway = await startGateway({ overrides: { clock } });
  sent = await send(gateway, { chatbotId: await createChatbot(gateway), content: 'Hi' });
  await webSocket.subscribe(gateway, { messageId: sent.replyId }).ended;
});
afterAll(() => gateway.close());

const update = (id: string, content: string) =>
  mutate<AgentMessageResult>(gateway, 'updateAgentMessage', { id, content }, SELECTION);

async function sendAsAgent(input: object): Promise<string> {
  const { conversationId } = sent;
  const answer = await mutate<AgentMessageResult>(gateway, 'sendAgentMessage', { conversationId, ...input }, SELECTION);
  return answer.agentMessage.id;
}

describe('updateAgentMessage', () => {
  it("changes a person's message, and streams the change to the visitor", async () => {
    const id = await sendAsAgent({ content: 'We open at 8.', clientMessageId: 'a' });
    const visitorKey = await createKeyWith(gateway, 'CHAT');
    const reader = webSocket.subscribe(gateway, { conversationId: sent.conversationId, key: visitorKey });
    await waitForReaders(gateway, 1);
    clock.advance(60_000);
    const { agentMessage } = await update(id.toUpperCase(), ' We open at 9. ');
    expect(agentMessage).toEqual({
      id,
      content: 'We open at 9.',
      createdAt: '2026-03-15T10:30:00.000Z',
      updatedAt: '2026-03-15T10:31:00.000Z',
    });
    const { message } = await waitForMessageEvent(reader, 'MessageUpdated', id);
    expect(message?.content).toBe('We open at 9.');
    expect(await sendAsAgent({ content: 'We open at 8.', clientMessageId: 'a' })).toBe(id);
    reader.unsubscribe();
  });

  it('changes a private note, and tells viewers with MANAGE only', async () => {
    const id = await sendAsAgent({ content: 'Difficult', isPrivate: true });
    const visitorKey = await createKeyWith(gateway, 'CHAT');
    const readers = [visitorKey, gateway.key].map((key) =>
      webSocket.subscribe(gateway, { conversationId: sent.conversationId, key }),
    );
    await waitForReaders(gateway, 2);
    expect((await update(id, 'Very difficult')).agentMessage.content).toBe('Very difficult');
    const later = await sendAsAgent({ content: 'Good bye.' });
    for (const reader of readers) await waitForMessageEvent(reader, 'MessageCreated', later);
    const types = readers.map(({ events }) => events.map(({ __typename }) => __typename));
    expect(types.map((names) => names.includes('MessageUpdated'))).toEqual([false, true]);
    for (const reader of readers) reader.unsubscribe();
  });

  it('changes and emits nothing when the text is the same', async () => {
    const id = await sendAsAgent({ content: 'Same' });
    const log = await readGaplessLog(gateway, sent.conversationId);
    clock.advance(1_000);
    const { agentMessage } = await update(id, 'Same');
    expect(agentMessage).toMatchObject({ content: 'Same', updatedAt: '2026-03-15T10:31:00.000Z' });
    expect(await readGaplessLog(gateway, sent.conversationId)).toEqual(log);
  });

  it('refuses messages that no person has written, and texts that no message may have', async () => {
    for (const id of [sent.messageId, sent.replyId]) {
      expect(await update(id, 'No')).toMatchObject({ code: 'INVALID_INPUT', fields: [{ path: ['id'] }] });
    }
    const id = await sendAsAgent({ content: 'Text' });
    for (const content of ['', ' ', 'a\0b', 'x'.repeat(8_001), '\ud800']) {
      expect(await update(id, content)).toMatchObject({ code: 'INVALID_INPUT', fields: [{ path: ['content'] }] });
    }
  });
});

import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { executeSql, hasPostgres, POSTGRES } from '../helpers/databases.ts';
import { createDatabase, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { readStore } from '../helpers/killable-gateway.ts';
import { startFakeProvider } from '../helpers/models/fake-providers/fake-provider.ts';
import { SOURCE_TEXT } from '../helpers/models/hosted-gateway.ts';
import { startFaultProxyFor } from '../helpers/network.ts';

/** The number of replies during which connections are cut; `LOST_STEPS_SENDS=600` makes a long run. */
const SENDS = Number(process.env.LOST_STEPS_SENDS ?? 30);
const LIMIT = { timeout: 120_000 + 1_000 * SENDS };
const SOON = { timeout: 60_000, interval: 200 };

/** A gateway on Postgres whose connections a test can cut, and a fake provider. */
async function startBehindProxy() {
  const database = await createDatabase(POSTGRES);
  const { proxy, url } = await startFaultProxyFor(database.url, 5432);
  const fakeProvider = await startFakeProvider('openai');
  onTestFinished(() => fakeProvider.close());
  const gateway = await startGateway({
    database: { ...database, url },
    env: { OPENAI_API_KEY: 'sk-test', OPENAI_BASE_URL: fakeProvider.url, MODEL_FALLBACK_BUILTIN: 'false' },
  });
  onTestFinished(() => gateway.close());
  const terminate = () =>
    executeSql(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      new URL(database.url).pathname.slice(1),
      // Concurrent calls may terminate each other's connections.
    ).catch(() => {});
  const readReplies = async () => {
    const { messages } = await readStore(database.url);
    return messages.filter(({ role }) => role === 'ASSISTANT');
  };
  return { gateway, fakeProvider, proxy, terminate, readReplies };
}

const createOpenaiChatbot = (gateway: TestGateway, answering: object = {}) =>
  createChatbot(gateway, { provider: 'openai', model: 'model-1', sources: [SOURCE_TEXT], answering });

describe.runIf(hasPostgres)('a reply that is generated while connections to Postgres are lost', () => {
  it('is never FAILED, whichever step loses its connection', LIMIT, async () => {
    const { gateway, fakeProvider, terminate, readReplies } = await startBehindProxy();
    fakeProvider.respondWith({ text: ['Within ', 'ten ', 'days ', '[1].'], delayMs: 20 });
    const chatbotId = await createOpenaiChatbot(gateway, { suggestsFollowUps: true });
    let sent = 0;
    const client = async () => {
      while (sent < SENDS) {
        const id = `${++sent}`;
        const question = { chatbotId, sessionId: id, clientMessageId: id, content: 'When are refunds paid?' };
        await vi.waitFor(() => send(gateway, question), SOON);
        // Makes the next answer read its provider key from the database again.
        gateway.deps.providerAccess.invalidate();
        await terminate();
      }
    };
    await Promise.all(Array.from({ length: 6 }, client));
    await vi.waitFor(async () => {
      expect((await readReplies()).map(({ status }) => status)).toEqual(Array(sent).fill('COMPLETED'));
    }, SOON);
  });

  it('saves one lead and escalates once when the confirmation of the commit is lost', LIMIT, async () => {
    const { gateway, fakeProvider, proxy, readReplies } = await startBehindProxy();
    const chatbotId = await createOpenaiChatbot(gateway, { tools: ['CAPTURE_LEAD', 'ESCALATE_TO_HUMAN'] });
    fakeProvider.respondWith(
      { tool: { name: 'capture_lead', input: { name: 'Ada', email: 'ada@example.com' } } },
      { tool: { name: 'escalate_to_human', input: { reason: 'Asked.' } } },
      { text: ['Thank you, Ada.'] },
    );
    const firstLoss = proxy.dropCommitResponse('ada@example.com');
    const { conversationId } = await send(gateway, { chatbotId, content: 'When are refunds paid? I am Ada.' });
    await firstLoss;
    const secondLoss = proxy.dropCommitResponse('ConversationChanged');
    await secondLoss;
    await vi.waitFor(async () => {
      expect(await readReplies()).toMatchObject([{ status: 'COMPLETED', content: 'Thank you, Ada.' }]);
    }, SOON);
    const requestBodies = fakeProvider.requests.map(({ body }) => JSON.stringify(body));
    expect(requestBodies[1]).toContain('The contact details are saved.');
    expect(requestBodies[2]).toContain('A person was requested');
    const { data } = await gateway.graphql<{ conversation: object; chatbot: object }>(
      `query ($id: ID!, $chatbotId: ID!) {
        conversation(id: $id) { status escalationReason }
        chatbot(id: $chatbotId) { leads { nodes { name email } } }
      }`,
      { id: conversationId, chatbotId },
    );
    expect(data).toEqual({
      conversation: { status: 'ESCALATED', escalationReason: 'Asked.' },
      chatbot: { leads: { nodes: [{ name: 'Ada', email: 'ada@example.com' }] } },
    });
  });

  it('stores and counts its follow-up questions once when the confirmation of the commit is lost', LIMIT, async () => {
    const { gateway, fakeProvider, proxy, readReplies } = await startBehindProxy();
    const chatbotId = await createOpenaiChatbot(gateway, { suggestsFollowUps: true });
    fakeProvider.respondWith(
      { text: ['Refunds are paid within ten days [1].'] },
      { text: ['```json\n["Where do you ship from?"]\n```'] },
    );
    const firstLoss = proxy.dropCommitResponse('FollowUpsSuggested');
    const { replyId } = await send(gateway, { chatbotId, content: 'When are refunds paid?' });
    await firstLoss;
    await gateway.deps.background.drain(60_000);
    const { data } = await gateway.graphql<{ node: object; viewer: { account: { usage: object } } }>(
      `query ($id: ID!) {
        node(id: $id) { ... on Message { followUps usage { inputTokens } } }
        viewer { account { usage { inputTokens } } }
      }`,
      { id: replyId },
    );
    expect(data.node).toEqual({ followUps: ['Where do you ship from?'], usage: { inputTokens: 240 } });
    expect(data.viewer.account.usage).toEqual({ inputTokens: 240 });
    expect((await readReplies()).map(({ status }) => status)).toEqual(['COMPLETED']);
  });
});

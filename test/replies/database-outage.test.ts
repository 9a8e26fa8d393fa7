import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { askServer, hasPostgres, POSTGRES } from '../helpers/databases.ts';
import { createDatabase, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { readStore } from '../helpers/killable-gateway.ts';
import { PAGE } from '../helpers/models/hosted.ts';
import { startFakeProvider } from '../helpers/models/vendors/vendor.ts';
import { openWireTo } from '../helpers/network.ts';

/** The number of replies during which connections are cut; `LOST_STEPS_SENDS=600` makes a long run. */
const SENDS = Number(process.env.LOST_STEPS_SENDS ?? 30);
const LIMIT = { timeout: 120_000 + 1_000 * SENDS };
const SOON = { timeout: 60_000, interval: 50 };

/** A gateway on Postgres whose connections a test can cut, and a fake provider. */
async function startWired() {
  const database = await createDatabase(POSTGRES);
  const { wire, url } = await openWireTo(database.url, 5432);
  const vendor = await startFakeProvider('openai');
  onTestFinished(() => vendor.close());
  const gateway = await startGateway({
    database: { ...database, url },
    env: { OPENAI_API_KEY: 'sk-test', OPENAI_BASE_URL: vendor.url, MODEL_FALLBACK_BUILTIN: 'false' },
  });
  onTestFinished(() => gateway.close());
  const terminate = () =>
    askServer(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      new URL(database.url).pathname.slice(1),
      // Concurrent cuts may terminate each other's connections.
    ).catch(() => {});
  const readReplies = async () => {
    const { messages } = await readStore(database.url);
    return messages.filter(({ role }) => role === 'ASSISTANT');
  };
  return { gateway, vendor, wire, terminate, readReplies };
}

const openaiChatbot = (gateway: TestGateway, answering: object = {}) =>
  createChatbot(gateway, { provider: 'openai', model: 'model-1', sources: [PAGE], answering });

describe.runIf(hasPostgres)('a reply that is generated while connections to Postgres are lost', () => {
  it('is never FAILED, whichever step loses its connection', LIMIT, async () => {
    const { gateway, vendor, terminate, readReplies } = await startWired();
    vendor.reply({ text: ['Within ', 'ten ', 'days ', '[1].'], paceMs: 20 });
    const chatbotId = await openaiChatbot(gateway, { suggestsFollowUps: true });
    let sent = 0;
    const client = async () => {
      while (sent < SENDS) {
        const id = `${++sent}`;
        const question = { chatbotId, sessionId: id, clientMessageId: id, content: 'When are refunds paid?' };
        await vi.waitFor(() => send(gateway, question), SOON);
        // Provider keys are read for each answer, and connections are cut while other answers are generated.
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
    const { gateway, vendor, wire, readReplies } = await startWired();
    const chatbotId = await openaiChatbot(gateway, { tools: ['CAPTURE_LEAD', 'ESCALATE_TO_HUMAN'] });
    vendor.reply(
      { tool: { name: 'capture_lead', input: { name: 'Ada', email: 'ada@example.com' } } },
      { tool: { name: 'escalate_to_human', input: { reason: 'Asked.' } } },
      { text: ['Thank you, Ada.'] },
    );
    const lost = wire.loseCommit('ada@example.com');
    const { conversationId } = await send(gateway, { chatbotId, content: 'When are refunds paid? I am Ada.' });
    await lost;
    const lostAgain = wire.loseCommit('HandoffChanged');
    await lostAgain;
    await vi.waitFor(async () => {
      expect(await readReplies()).toMatchObject([{ status: 'COMPLETED', content: 'Thank you, Ada.' }]);
    }, SOON);
    const reports = vendor.requests.map(({ body }) => JSON.stringify(body));
    expect(reports[1]).toContain('The contact details are saved.');
    expect(reports[2]).toContain('A person has been asked for');
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
    const { gateway, vendor, wire, readReplies } = await startWired();
    const chatbotId = await openaiChatbot(gateway, { suggestsFollowUps: true });
    vendor.reply(
      { text: ['Refunds are paid within ten days [1].'] },
      { text: ['```json\n["Where do you ship from?"]\n```'] },
    );
    const lost = wire.loseCommit('FollowUpsSuggested');
    const { replyId } = await send(gateway, { chatbotId, content: 'When are refunds paid?' });
    await lost;
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

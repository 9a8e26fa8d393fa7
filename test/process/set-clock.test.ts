import { expect, it } from 'vitest';
import { describeDatabases } from '../helpers/databases.ts';
import { createDatabase, requestGraphQL } from '../helpers/gateway.ts';
import { createDataDir, type RunningGateway, startGatewayProcess } from '../helpers/process.ts';

const HOUR_MS = 3_600_000;
const SECRET_KEY = 'ab'.repeat(32);

interface ChatbotsData {
  readonly chatbots: {
    nodes: { id: string; conversations: { nodes: { id: string }[] }; leads: { nodes: { id: string }[] } }[];
  };
}

describeDatabases('a gateway whose clock is set back', (engine) => {
  it('still lists new conversations and leads first, also after a restart', { timeout: 120_000 }, async () => {
    const { url } = await createDatabase(engine);
    const env = {
      DATA_DIR: await createDataDir(),
      DATABASE_URL: url,
      SECRET_KEY,
      BUILTIN_DELAY_MS: '0',
      NODE_OPTIONS: '--import ./test/helpers/set-clock.ts',
    };
    let key = '';
    const conversations: string[] = [];
    const leads: string[] = [];
    const request = <T>(gateway: RunningGateway, query: string, variables: object = {}) =>
      requestGraphQL<T>({ url: gateway.url, key }, query, variables);
    const list = async (gateway: RunningGateway) =>
      (
        await request<ChatbotsData>(
          gateway,
          '{ chatbots { nodes { id conversations(orderBy: { field: CREATED_AT }) { nodes { id } } leads { nodes { id } } } } }',
        )
      ).data.chatbots.nodes[0];
    const addConversationWithLead = async (gateway: RunningGateway) => {
      const sent = await request<{ sendMessage: { conversation: { id: string } } }>(
        gateway,
        'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { ... on SendMessagePayload { conversation { id } } } }',
        { input: { chatbotId: (await list(gateway))?.id, content: 'Well?' } },
      );
      const conversationId = sent.data.sendMessage.conversation.id;
      conversations.unshift(conversationId);
      const captured = await request<{ captureLead: { lead: { id: string } } }>(
        gateway,
        'mutation ($input: CaptureLeadInput!) { captureLead(input: $input) { ... on CaptureLeadPayload { lead { id } } } }',
        { input: { conversationId, email: 'a@example.com' } },
      );
      leads.unshift(captured.data.captureLead.lead.id);
      const listed = await list(gateway);
      expect(listed?.conversations.nodes.map(({ id }) => id)).toEqual(conversations);
      expect(listed?.leads.nodes.map(({ id }) => id)).toEqual(leads);
    };

    const first = await startGatewayProcess({ env: { ...env, CLOCK_OFFSET_MS: `${HOUR_MS}` } });
    key = first.key;
    await addConversationWithLead(first);
    first.kill('SIGUSR2');
    await first.waitForOutput('stderr', /clock set back/);
    await addConversationWithLead(first);
    first.kill('SIGTERM');
    await first.exited;
    await addConversationWithLead(await startGatewayProcess({ env }));
  });
});

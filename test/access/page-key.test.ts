import { describe, expect, it, onTestFinished } from 'vitest';
import { DEMO_CHATBOT_ID } from '../../src/demo.ts';
import { startGateway } from '../helpers/gateway.ts';

const SEND = `mutation ($input: SendMessageInput!) { sendMessage(input: $input) {
  ... on SendMessagePayload { conversation { id channel } }
} }`;

/** A gateway with the demo chatbot, and the key of its page. */
async function startWithPage() {
  const gateway = await startGateway({ env: { SEED_DEMO: 'true' } });
  onTestFinished(() => gateway.close());
  const response = await gateway.fetch('/chat/demo/session', { method: 'POST', headers: { origin: gateway.url } });
  const { key } = (await response.json()) as { key: string };
  return { gateway, key };
}

describe('the key of a page', () => {
  it('reads and chats, and manages nothing', async () => {
    const { gateway, key } = await startWithPage();
    const read = await gateway.graphql(
      '{ viewer { kind scopes apiKey { id } } chatbot(slug: "demo") { name } }',
      {},
      key,
    );
    expect(read.data).toEqual({
      viewer: { kind: 'API_KEY', scopes: ['READ', 'CHAT'], apiKey: null },
      chatbot: { name: 'ChatGraph guide' },
    });
    const made = await gateway.graphql('mutation { createApiKey(input: { name: "Mine" }) { __typename } }', {}, key);
    expect(made.errors?.[0]?.extensions.code).toBe('FORBIDDEN');
  });

  it('is the channel of what is said with it', async () => {
    const { gateway, key } = await startWithPage();
    const input = { chatbotId: DEMO_CHATBOT_ID, content: 'Hello' };
    const { data } = await gateway.graphql<{ sendMessage: { conversation: { channel: string } } }>(
      SEND,
      { input },
      key,
    );
    expect(data.sendMessage.conversation.channel).toBe('CHAT_PAGE');
  });

  it('is nowhere stored, does not count among the keys, and is not logged', async () => {
    const { gateway, key } = await startWithPage();
    const before = await gateway.deps.db.read.selectFrom('api_keys').selectAll().execute();
    await gateway.graphql('{ viewer { kind } }', {}, key);
    expect(await gateway.deps.db.read.selectFrom('api_keys').selectAll().execute()).toHaveLength(before.length);
    expect(JSON.stringify(gateway.logs)).not.toContain(key.slice(0, 12));
  });

  it('is the same for every visit, and of no use to another process', async () => {
    const { gateway, key } = await startWithPage();
    const { gateway: other, key: otherKey } = await startWithPage();
    expect(otherKey).not.toBe(key);
    expect((await other.graphql('{ viewer { kind } }', {}, key)).status).toBe(401);
    const again = await gateway.fetch('/chat/demo/session', { method: 'POST', headers: { origin: gateway.url } });
    expect(await again.json()).toEqual({ key });
  });

  it('is still known after the keys were read again', async () => {
    const { gateway, key } = await startWithPage();
    await gateway.deps.keyring.refresh();
    expect((await gateway.graphql('{ viewer { kind } }', {}, key)).status).toBe(200);
  });
});

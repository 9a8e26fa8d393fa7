import { describe, expect, it } from 'vitest';
import { DEMO_CHATBOT_ID } from '../../../src/demo.ts';
import { browserPath } from '../../helpers/browser.ts';
import type { TestGateway } from '../../helpers/gateway.ts';
import { delta, finish } from '../../helpers/models/engines.ts';
import { openPage } from './support.ts';

/** Creates the actions of a human agent in the demo's account. */
async function connectAgent(gateway: TestGateway) {
  const { account_id } = await gateway.deps.db.read
    .selectFrom('chatbots')
    .select('account_id')
    .where('id', '=', DEMO_CHATBOT_ID)
    .executeTakeFirstOrThrow();
  const key = await gateway.createKey(account_id, ['READ', 'CHAT', 'MANAGE']);

  async function mutate(query: string, variables: object = {}): Promise<void> {
    const { data, errors } = await gateway.graphql<Record<string, { __typename: string }>>(query, variables, key);
    expect(errors).toBeUndefined();
    for (const { __typename } of Object.values(data)) expect(__typename).toMatch(/Payload$/);
  }

  return {
    mutate,
    setLeadForm: (fields: object[]) =>
      mutate('mutation ($input: UpdateChatbotInput!) { updateChatbot(input: $input) { __typename } }', {
        input: { id: DEMO_CHATBOT_ID, leadForm: { title: 'Before we begin', fields } },
      }),
    /** Reads the page's conversation, and all leads. */
    async readConversationAndLeads() {
      const conversation = await gateway.deps.db.read.selectFrom('conversations').selectAll().executeTakeFirstOrThrow();
      return { conversation, leads: await gateway.deps.db.read.selectFrom('leads').selectAll().execute() };
    },
  };
}

describe.skipIf(browserPath === undefined)('the chat page (needs Chromium: CHROMIUM_PATH)', { timeout: 60_000 }, () => {
  it('hands off to a person, and back to the chatbot', async () => {
    const { page, visitor, engine, gateway, problems } = await openPage();
    const agent = await connectAgent(gateway);
    await agent.setLeadForm([
      { name: 'name', label: 'Your name' },
      { name: 'email', label: 'Your email', isRequired: true },
      { name: 'orderNumber', label: 'Order number' },
    ]);
    await visitor.ask('Where is my order?');
    engine.push(delta('I do not know.'), finish);
    await visitor.seesAnswer('I do not know.');

    await visitor.button('Talk to a person').click();
    const dialog = page.getByRole('dialog', { name: 'Talk to a person' });
    await dialog.getByText('Before we begin').waitFor();
    await dialog.getByLabel('Your email').fill('ada@example');
    await dialog.getByLabel('Your name').fill('A'.repeat(256));
    await dialog.getByRole('button', { name: 'Ask for a person' }).click();
    expect(await dialog.getByRole('alert').textContent()).toContain('at most 255 characters');
    expect(await dialog.getByLabel('Your name').inputValue()).toHaveLength(256);
    await dialog.getByLabel('Your name').fill('');
    await dialog.getByLabel('Your email').fill('ada@example.com');
    await dialog.getByLabel('Order number').fill('A-42');
    await dialog.getByRole('button', { name: 'Ask for a person' }).click();
    await dialog.waitFor({ state: 'detached' });
    await visitor.seesText('A person has been asked to join.');
    const { conversation, leads } = await agent.readConversationAndLeads();
    expect(conversation.status).toBe('ESCALATED');
    expect(leads).toMatchObject([{ name: null, email: 'ada@example.com', custom_data: '{"orderNumber":"A-42"}' }]);

    const input = { conversationId: conversation.id };
    await agent.mutate('mutation ($input: SetTypingInput!) { setTyping(input: $input) { __typename } }', {
      input: { ...input, isTyping: true, role: 'AGENT' },
    });
    await page.getByText('A person is typing').waitFor();
    const sendAgentMessage =
      'mutation ($input: SendAgentMessageInput!) { sendAgentMessage(input: $input) { __typename } }';
    await agent.mutate(sendAgentMessage, { input: { ...input, content: 'A note', isPrivate: true } });
    await agent.mutate(sendAgentMessage, { input: { ...input, content: 'It left **today**.', authorName: 'Grace' } });
    await visitor.seesText('A person is answering you now.');
    const person = page.locator('.message.agent');
    await expect.poll(() => person.allTextContents()).toEqual(['GraceIt left today.\n']);
    await expect.poll(visitor.readAnnouncement).toBe('Grace wrote: It left **today**.');
    expect(await visitor.button('Regenerate').count()).toBe(0);

    // While the human agent answers, the chatbot does not.
    await visitor.ask('Thank you!');
    await visitor.seesMessages(4);
    await page.getByRole('alert').waitFor();
    expect(engine.questionCount).toBe(1);

    await agent.mutate(
      'mutation ($input: HandBackConversationInput!) { handBackConversation(input: $input) { __typename } }',
      { input: { id: conversation.id } },
    );
    await page.getByText('A person is answering you now.').waitFor({ state: 'hidden' });
    await visitor.ask('Are you there?');
    engine.push(delta('I am back.'), finish);
    await visitor.seesAnswer('I am back.');
    expect(problems).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { startGatewayWithCompletedReply } from '../helpers/conversations.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { TRANSPORTS } from '../helpers/streams.ts';
import { mutate } from '../schema/support.ts';

const LEAD = 'id name email phone customData createdAt conversation { id }';

interface CaptureResult {
  readonly lead: { id: string; name: string | null; email: string | null; phone: string | null; customData: object };
  readonly code?: string;
  readonly fields?: readonly { path: string[]; message: string }[];
}

const capture = (gateway: TestGateway, input: object) =>
  mutate<CaptureResult>(gateway, 'captureLead', input, { selection: `lead { ${LEAD} }` });

describe('captureLead', () => {
  it('stores the given fields, lists leads newest first, and finds a lead by its id', async () => {
    const { gateway, chatbotId, conversationId } = await startGatewayWithCompletedReply();
    const first = await capture(gateway, {
      conversationId,
      email: ' ada@example.com ',
      name: 'Ada',
      phone: '+49 (30) 12-34',
    });
    expect(first.lead).toMatchObject({
      name: 'Ada',
      email: 'ada@example.com',
      phone: '+49 (30) 12-34',
      customData: {},
    });
    const second = await capture(gateway, { conversationId, email: 'bob@example.com', customData: { plan: 'pro' } });
    expect(second.lead).toMatchObject({ name: null, phone: null, customData: { plan: 'pro' } });
    const { data } = await gateway.graphql<{ chatbot: { leads: { nodes: object[] } }; node: object }>(
      `query ($chatbot: ID!, $lead: ID!) {
        chatbot(id: $chatbot) { leads { nodes { ${LEAD} } } }
        node(id: $lead) { ... on Lead { ${LEAD} } }
      }`,
      { chatbot: chatbotId, lead: first.lead.id },
    );
    expect(data.chatbot.leads.nodes).toEqual([second.lead, first.lead]);
    expect(data.node).toEqual(first.lead);
  });

  it.each(TRANSPORTS)('emits an event to the conversation and to the inbox over $name', async ({ subscribe }) => {
    const { gateway, chatbotId, conversationId } = await startGatewayWithCompletedReply();
    const readers = [subscribe(gateway, { conversationId }), subscribe(gateway, { chatbotId })];
    await expect.poll(() => gateway.deps.bus.size).toBe(2);
    const { lead } = await capture(gateway, { conversationId, email: 'ada@example.com' });
    for (const reader of readers) {
      const event = await reader.until(({ __typename }) => __typename === 'LeadCaptured');
      expect(event.lead).toEqual({ id: lead.id, email: 'ada@example.com' });
      reader.unsubscribe();
    }
  });

  it('requires the required fields of the lead form', async () => {
    const { gateway, chatbotId, conversationId } = await startGatewayWithCompletedReply();
    const leadForm = {
      title: 'Call me',
      fields: [
        { name: 'phone', label: 'Phone', isRequired: true },
        { name: 'company', label: 'Company', isRequired: true },
        { name: 'note', label: 'Anything else?' },
      ],
    };
    const updated = await mutate<{ chatbot: object }>(
      gateway,
      'updateChatbot',
      { id: chatbotId, leadForm },
      { selection: 'chatbot { leadForm { title fields { name label isRequired } } }' },
    );
    const fields = leadForm.fields.map((field) => ({ isRequired: false, ...field }));
    expect(updated.chatbot).toEqual({ leadForm: { title: 'Call me', fields } });

    const rejected = await capture(gateway, { conversationId, email: 'ada@example.com', customData: { company: ' ' } });
    expect(rejected.code).toBe('INVALID_INPUT');
    expect(rejected.fields?.map(({ path }) => path)).toEqual([['phone'], ['customData', 'company']]);
    const { lead } = await capture(gateway, { conversationId, phone: '12345', customData: { company: 'ACME' } });
    expect(lead.customData).toEqual({ company: 'ACME' });
  });

  it.each([
    [{}, ['email']],
    [{ email: 'nobody' }, ['email']],
    [{ email: 'a@b.c d' }, ['email']],
    [{ email: 'a@example.com', phone: 'call me' }, ['phone']],
    [{ email: 'a@example.com', name: 'x'.repeat(256) }, ['name']],
    [{ email: 'a@example.com', customData: [] }, ['customData']],
    [{ email: 'a@example.com', customData: { a: 'x'.repeat(20_000) } }, ['customData']],
  ])('rejects %j', async (input, path) => {
    const { gateway, conversationId } = await startGatewayWithCompletedReply();
    expect(await capture(gateway, { conversationId, ...input })).toMatchObject({
      code: 'INVALID_INPUT',
      fields: [{ path }],
    });
  });

  it('rejects an empty lead even if the form requires no field', async () => {
    const { gateway, chatbotId, conversationId } = await startGatewayWithCompletedReply();
    const leadForm = { title: 'Call me', fields: [{ name: 'phone', label: 'Phone' }] };
    await mutate(gateway, 'updateChatbot', { id: chatbotId, leadForm });
    expect(await capture(gateway, { conversationId })).toMatchObject({ code: 'INVALID_INPUT', fields: [{ path: [] }] });
  });
});

describe('a lead form', () => {
  it.each([
    [{ title: '', fields: [{ name: 'a', label: 'A' }] }, ['leadForm', 'title']],
    [{ title: 'A', fields: [] }, ['leadForm', 'fields']],
    [{ title: 'A', fields: [{ name: '1', label: 'A' }] }, ['leadForm', 'fields', '0', 'name']],
    [{ title: 'A', fields: [{ name: 'a', label: '' }] }, ['leadForm', 'fields', '0', 'label']],
    [{ title: 'A', fields: Array(2).fill({ name: 'a', label: 'A' }) }, ['leadForm', 'fields']],
    [
      { title: 'A', fields: Array.from({ length: 21 }, (_, n) => ({ name: `a${n}`, label: 'A' })) },
      ['leadForm', 'fields'],
    ],
  ])('rejects %j', async (leadForm, path) => {
    const { gateway, chatbotId } = await startGatewayWithCompletedReply();
    expect(await mutate(gateway, 'updateChatbot', { id: chatbotId, leadForm })).toMatchObject({
      code: 'INVALID_INPUT',
      fields: [{ path }],
    });
  });
});

import { describe, expect, it } from 'vitest';
import { startGatewayWithCompletedReply } from '../helpers/conversations.ts';
import { mutate, mutation, removeDuplicates, runForForeignAndUnknownIds } from '../schema/support.ts';

const SELECTION = 'lead { id name email phone customData }';

interface LeadResult {
  readonly lead: { id: string };
}

describe('updateLead', () => {
  it('changes the given fields, clears null ones, keeps absent ones, and refuses what captureLead refuses', async () => {
    const { gateway, chatbotId, conversationId } = await startGatewayWithCompletedReply();
    const change = (input: object) => mutate<LeadResult>(gateway, 'updateLead', input, { selection: SELECTION });
    const captured = { conversationId, name: 'Ada', email: 'ada@example.com', customData: { plan: 'pro' } };
    const { lead } = await mutate<LeadResult>(gateway, 'captureLead', captured, { selection: 'lead { id }' });
    const { id } = lead;

    const changed = { id, name: 'Ada L.', email: 'ada@example.com', phone: null, customData: {} };
    expect((await change({ id, name: ' Ada L. ', customData: null })).lead).toEqual(changed);
    expect((await change({ id, name: null, phone: '+49 30 1234' })).lead).toEqual({
      ...changed,
      name: null,
      phone: '+49 30 1234',
    });
    const invalid = (path: string[]) => ({ code: 'INVALID_INPUT', fields: [{ path }] });
    expect(await change({ id, email: 'nonsense' })).toMatchObject(invalid(['email']));
    expect(await change({ id, email: null })).toMatchObject(invalid(['email']));
    expect((await change({ id, phone: null })).lead).toEqual({ ...changed, name: null });

    const leadForm = { title: 'T', fields: [{ name: 'email', label: 'E', isRequired: false }] };
    await mutate(gateway, 'updateChatbot', { id: chatbotId, leadForm });
    expect(await change({ id, email: null })).toMatchObject(invalid([]));

    const answers = await runForForeignAndUnknownIds(gateway, {
      query: mutation('updateLead'),
      id,
      kind: 'lead',
      variables: (id) => ({ input: { id, name: 'B' } }),
    });
    expect(removeDuplicates(answers)).toMatchObject([{ data: { updateLead: { code: 'NOT_FOUND' } } }]);
  });
});

import { expect, it } from 'vitest';
import type { ReplyPiece } from '../../../clients/typescript/src/replies.ts';
import { createChatbot } from '../../helpers/chatbots.ts';
import { citationEvent } from '../../helpers/conversations.ts';
import { delta, finish } from '../../helpers/models/engines.ts';
import { openSharedGateway, openSharedScriptedGateway } from '../../helpers/shared-gateway.ts';
import { connectClient } from './support.ts';

const CUTS = 21;

it('returns the whole answer with its citations', async () => {
  const gateway = await openSharedGateway();
  const chatbot = await createChatbot(gateway, { sources: ['The shop is open from 9 to 18.'] });
  const { chat } = await connectClient(gateway, { chatbot });
  const { text, citations, reply } = await chat.ask('When is the shop open?');
  expect(text).toContain('open from 9 to 18');
  expect(citations.map(({ quote }) => quote)).toEqual(['The shop is open from 9 to 18.']);
  expect(reply).toMatchObject({ role: 'ASSISTANT', status: 'COMPLETED', content: text });
});

it(`yields every piece of a reply once across ${CUTS} cuts, and all its citations`, async () => {
  const { gateway, engine } = await openSharedScriptedGateway();
  const { chat, cut } = await connectClient(gateway);
  const pieces: ReplyPiece[] = [];
  const reading = (async () => {
    for await (const piece of chat.stream('Tell me all.')) pieces.push(piece);
  })();
  const textOf = () => pieces.map((piece) => (piece.type === 'text' ? piece.text : '')).join('');
  const citationsOf = () => pieces.filter(({ type }) => type === 'citation');

  let expected = '';
  for (let number = 1; number <= CUTS; number++) {
    const word = `${number} `;
    engine.push(delta(word), citationEvent(`Source ${number}`, expected.length));
    expected += word;
    // Every other cut comes while the events are on their way.
    if (number % 2 === 0) cut();
    await expect.poll(() => [textOf(), citationsOf().length], { timeout: 15_000 }).toEqual([expected, number]);
    if (number % 2 === 1) cut();
  }
  engine.push(finish);
  await reading;
  expect(textOf()).toBe(expected);
  expect(citationsOf()).toHaveLength(CUTS);
  expect(pieces.at(-1)).toMatchObject({ type: 'end', reply: { status: 'COMPLETED', content: expected } });
  expect(pieces.filter(({ type }) => type === 'end')).toHaveLength(1);
});

it('yields what the chatbot says while a person answers', async () => {
  const gateway = await openSharedGateway();
  const chatbot = await createChatbot(gateway, { handoffMessage: 'A colleague will answer.' });
  const { chat } = await connectClient(gateway, { chatbot });
  const { reply } = await chat.ask('May I speak to a person?');
  const { data } = await gateway.graphql<{ message: { conversation: { id: string } } }>(
    'query ($id: ID!) { message(id: $id) { conversation { id } } }',
    { id: reply?.id },
  );
  const { id } = data.message.conversation;
  await gateway.graphql('mutation ($id: ID!) { takeOverConversation(input: { id: $id }) { __typename } }', { id });
  expect(await chat.ask('Are you there?')).toEqual({ text: 'A colleague will answer.', citations: [], reply: null });
});

it('rejects with the reason of a failed reply, and with that of an aborted signal', async () => {
  const { gateway, engine } = await openSharedScriptedGateway();
  const { chat } = await connectClient(gateway);
  engine.push(delta('Well, '));
  engine.fail(new Error('The model is broken.'));
  await expect(chat.ask('Why?')).rejects.toMatchObject({ code: 'REPLY_FAILED', name: 'ChatGraphError' });
  const abortController = new AbortController();
  const asking = chat.ask('Still?', { signal: abortController.signal });
  await expect.poll(() => engine.questionCount).toBe(2);
  abortController.abort(new Error('Enough.'));
  await expect(asking).rejects.toThrow('Enough.');
});

it('rejects with the code of the gateway, without another attempt', async () => {
  const gateway = await openSharedGateway();
  const { chat } = await connectClient(gateway, { token: 'ic_unknown' });
  await expect(chat.ask('Hello')).rejects.toMatchObject({ code: 'UNAUTHENTICATED', isTemporary: false });
  const { chat: other } = await connectClient(gateway, { chatbot: '01900000-0000-7000-8000-000000000003' });
  await expect(other.ask('Hello')).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

it('sends its documents by their ids, which every gateway knows, and their texts where one is unknown', async () => {
  const gateway = await openSharedGateway();
  const { chat } = await connectClient(gateway);
  const key = await gateway.graphql<{ viewer: { apiKey: { id: string } } }>('{ viewer { apiKey { id } } }');
  const input = { id: key.data.viewer.apiKey.id, persistedOnly: true };
  await gateway.graphql('mutation ($input: UpdateApiKeyInput!) { updateApiKey(input: $input) { __typename } }', {
    input,
  });
  await expect
    .poll(() => chat.execute({ query: '{ viewer { id } }' }))
    .toMatchObject({
      errors: [{ extensions: { code: 'OPERATION_NOT_ALLOWED' } }],
    });
  expect((await chat.ask('Hello')).reply?.status).toBe('COMPLETED');

  const operation = { query: '{ viewer { id } }', documentId: 'unknown' };
  const { chat: other } = await connectClient(await openSharedGateway());
  expect(await other.execute(operation)).toMatchObject({ data: { viewer: { id: expect.any(String) } } });
});

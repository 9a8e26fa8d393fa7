import { hash } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { CHAT_DOCUMENTS } from '../../src/operations/documents.ts';
import { createChatbot } from '../helpers/chatbots.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { openSharedGateway } from '../helpers/shared-gateway.ts';
import { openSocket } from '../helpers/sockets.ts';
import { idOf, push } from '../operations/support.ts';
import { mutate } from '../schema/support.ts';
import { openSession, SHOP } from './support.ts';

const KIND = 'query Kind { viewer { kind } }';
const OTHER = 'query Other { viewer { id kind } }';
const LEAD_FORM = CHAT_DOCUMENTS.find(({ name }) => name === 'LeadForm') ?? { hash: '', document: '' };

/** Opens a gateway with a public chatbot that has the built-in manifest. */
async function openPublic() {
  const gateway = await openSharedGateway();
  const chatbotId = await createChatbot(gateway);
  await mutate(gateway, 'updateChatbot', { id: chatbotId, isPublic: true, allowedOrigins: [SHOP] });
  return { gateway, chatbotId };
}

/** Sends a body with a token from a page; returns the code of the refusal, or undefined. */
async function codeOf(gateway: TestGateway, token: string, body: object): Promise<string | undefined> {
  const response = await gateway.fetch('/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, origin: SHOP },
    body: JSON.stringify(body),
  });
  const { errors } = (await response.json()) as { errors?: { extensions: { code: string } }[] };
  const code = errors?.[0]?.extensions.code;
  if (code === 'OPERATION_NOT_ALLOWED') expect(response.status).toBe(403);
  return code;
}

async function createToken(gateway: TestGateway, input: object): Promise<string> {
  const selection = { selection: 'token' };
  return (await mutate<{ token: string }>(gateway, 'createSessionToken', input, selection)).token;
}

describe('a session without a key', () => {
  it('runs the documents of the chat page, by id and as texts, and nothing else', async () => {
    const { gateway, chatbotId } = await openPublic();
    await push(gateway, [KIND]);
    const { token } = await openSession(gateway, chatbotId);
    const variables = { chatbotId };
    for (const body of [{ documentId: `sha256:${LEAD_FORM.hash}` }, { query: LEAD_FORM.document }]) {
      expect(await codeOf(gateway, token, { ...body, variables })).toBeUndefined();
    }
    const persistedQuery = { version: 1, sha256Hash: hash('sha256', OTHER) };
    const refused = [
      { query: KIND },
      { documentId: idOf(KIND) },
      { query: '{ __schema { types { name } } }' },
      { query: OTHER, extensions: { persistedQuery } },
      { extensions: { persistedQuery } },
    ];
    for (const body of refused) expect(await codeOf(gateway, token, body)).toBe('OPERATION_NOT_ALLOWED');
    const socket = openSocket(gateway, { authorization: `Bearer ${token}` });
    const { errors } = await socket.execute(KIND);
    expect(errors).toMatchObject([{ extensions: { code: 'OPERATION_NOT_ALLOWED' } }]);
    socket.close();
  });

  it('runs all versions of the manifest of its chatbot instead, and goes on with it', async () => {
    const { gateway, chatbotId } = await openPublic();
    await push(gateway, [KIND]);
    await push(gateway, [OTHER]);
    await mutate(gateway, 'updateChatbot', { id: chatbotId, sessionOperations: 'web' });
    const { token } = await openSession(gateway, chatbotId);
    for (const document of [KIND, OTHER]) {
      expect(await codeOf(gateway, token, { documentId: idOf(document) })).toBeUndefined();
    }
    const chatDocument = { documentId: `sha256:${LEAD_FORM.hash}`, variables: { chatbotId } };
    expect(await codeOf(gateway, token, chatDocument)).toBe('OPERATION_NOT_ALLOWED');
    await mutate(gateway, 'updateChatbot', { id: chatbotId, sessionOperations: null });
    expect(await codeOf(gateway, token, { query: KIND })).toBeUndefined();
    expect(await codeOf(gateway, (await openSession(gateway, chatbotId)).token, { query: KIND })).toBe(
      'OPERATION_NOT_ALLOWED',
    );
  });
});

describe('a session token that a server creates', () => {
  it('runs any document, or those of the manifest that the server names', async () => {
    const { gateway, chatbotId } = await openPublic();
    const { id } = await push(gateway, [KIND]);
    const free = await createToken(gateway, { chatbotId });
    const web = await createToken(gateway, { chatbotId, operations: 'web' });
    const chat = await createToken(gateway, { chatbotId, operations: 'chat' });
    const codes = (query: string) => Promise.all([free, web, chat].map((token) => codeOf(gateway, token, { query })));
    expect(await codes(KIND)).toEqual([undefined, undefined, 'OPERATION_NOT_ALLOWED']);
    expect(await codes(OTHER)).toEqual([undefined, 'OPERATION_NOT_ALLOWED', 'OPERATION_NOT_ALLOWED']);
    await mutate(gateway, 'retireOperations', { id, retiresAt: '2020-01-01T00:00:00Z' });
    expect(await codes(KIND)).toEqual([undefined, 'OPERATION_NOT_ALLOWED', 'OPERATION_NOT_ALLOWED']);
    const created = await mutate<object>(
      gateway,
      'createSessionToken',
      { chatbotId, operations: 'web' },
      { selection: 'sessionToken { operations { name version } }' },
    );
    expect(created).toMatchObject({ sessionToken: { operations: { name: 'web', version: 1 } } });
    expect(await mutate(gateway, 'createSessionToken', { chatbotId, operations: 'unknown' })).toMatchObject({
      code: 'INVALID_INPUT',
      fields: [{ path: ['operations'] }],
    });
  });

  it('is limited to the manifest of a chatbot that becomes persistedOnly within 2 seconds', async () => {
    const { gateway, chatbotId } = await openPublic();
    await push(gateway, [KIND]);
    const token = await createToken(gateway, { chatbotId });
    expect(await codeOf(gateway, token, { query: OTHER })).toBeUndefined();
    await mutate(gateway, 'updateChatbot', { id: chatbotId, persistedOnly: true, sessionOperations: 'web' });
    const isRefused = async () => expect(await codeOf(gateway, token, { query: OTHER })).toBe('OPERATION_NOT_ALLOWED');
    await vi.waitFor(isRefused, { timeout: 2_000 });
    expect(await codeOf(gateway, token, { query: KIND })).toBeUndefined();
  });
});

import { createChatbot } from '../../../helpers/chatbots.ts';
import type { Row } from '../row.ts';
import { SPARE } from '../world.ts';

const UNKNOWN_PROVIDER = { InvalidInputError: () => ({ provider: 'nobody' }) };

/** The rows of the mutations of chatbots, sources, keys and providers. */
export const ACCOUNT_ROWS: readonly Row[] = [
  {
    field: 'createApiKey',
    scopes: [['MANAGE']],
    args: async ({ revokeSpareKeys }) => {
      await revokeSpareKeys();
      return { name: SPARE };
    },
    ids: {
      chatbotIds: {
        kind: 'chatbot',
        unknown: 'InvalidInputError',
        args: (id) => ({ name: SPARE, chatbotIds: [id] }),
      },
    },
    errors: {
      InvalidInputError: () => ({ name: ' ' }),
      ApiKeyLimitError: async ({ createSpareKey }) => {
        await createSpareKey(['READ']);
        return { name: SPARE };
      },
    },
  },
  {
    field: 'revokeApiKey',
    scopes: [['MANAGE']],
    args: async ({ createSpareKey }) => ({ id: (await createSpareKey(['READ'])).id }),
    ids: { id: { kind: 'apiKey' } },
  },
  {
    field: 'updateApiKey',
    scopes: [['MANAGE']],
    args: async ({ createSpareKey }) => ({ id: (await createSpareKey(['READ'])).id, persistedOnly: true }),
    ids: { id: { kind: 'apiKey' } },
    errors: { InvalidInputError: ({ ids }) => ({ id: ids.apiKey, name: null }) },
  },
  {
    field: 'pushOperations',
    scopes: [['MANAGE']],
    args: () => ({ name: 'site', documents: [{ document: 'query Kind { viewer { kind } }' }] }),
    longTexts: ['documents.0.document'],
    errors: { InvalidInputError: () => ({ name: 'site', documents: [{ document: '{ nonsense }' }] }) },
  },
  {
    field: 'retireOperations',
    scopes: [['MANAGE']],
    args: ({ ids }) => ({ id: ids.operationManifest, retiresAt: '2100-01-01T00:00:00Z' }),
    ids: { id: { kind: 'operationManifest' } },
  },
  {
    field: 'deactivateMember',
    scopes: [['MANAGE']],
    args: ({ ids }) => ({ id: ids.member }),
    ids: { id: { kind: 'member' } },
  },
  {
    field: 'reactivateMember',
    scopes: [['MANAGE']],
    args: ({ ids }) => ({ id: ids.member }),
    ids: { id: { kind: 'member' } },
  },
  {
    field: 'setRateLimit',
    scopes: [['MANAGE']],
    args: ({ ids }) => ({ chatbotId: ids.chatbot, perMinute: 100_000 }),
    ids: {
      chatbotId: { kind: 'chatbot' },
      apiKeyId: { kind: 'apiKey', args: (id) => ({ apiKeyId: id, perMinute: 100_000 }) },
    },
    errors: { InvalidInputError: () => ({}) },
  },
  {
    field: 'createChatbot',
    scopes: [['MANAGE']],
    args: () => ({ name: 'Helper' }),
    errors: { InvalidInputError: () => ({ name: ' ' }) },
  },
  {
    field: 'updateChatbot',
    scopes: [['MANAGE']],
    args: ({ ids }) => ({ id: ids.chatbot, name: 'Helper' }),
    ids: { id: { kind: 'chatbot' } },
    errors: { InvalidInputError: ({ ids }) => ({ id: ids.chatbot, name: null }) },
  },
  {
    field: 'deleteChatbot',
    scopes: [['MANAGE']],
    args: async (world) => ({ id: await createChatbot(world) }),
    ids: { id: { kind: 'chatbot' } },
  },
  {
    field: 'createSource',
    scopes: [['MANAGE']],
    args: ({ ids }) => ({ chatbotId: ids.chatbot, title: 'Prices', content: { text: 'A ticket costs 5 euros.' } }),
    ids: { chatbotId: { kind: 'chatbot' } },
    longTexts: ['content.text'],
    errors: { InvalidInputError: ({ ids }) => ({ chatbotId: ids.chatbot, content: { text: ' ' } }) },
  },
  {
    field: 'deleteSource',
    scopes: [['MANAGE']],
    args: async ({ run, ids }) => {
      const input = { chatbotId: ids.chatbot, title: 'Prices', content: { text: 'A ticket costs 5 euros.' } };
      return { id: (await run<{ source: { id: string } }>('createSource', input, 'source { id }')).source.id };
    },
    ids: { id: { kind: 'source' } },
  },
  {
    field: 'setProviderKey',
    scopes: [['MANAGE']],
    args: () => ({ provider: 'openai', apiKey: 'sk-1234567890' }),
    errors: UNKNOWN_PROVIDER,
  },
  {
    field: 'deleteProviderKey',
    scopes: [['MANAGE']],
    args: async ({ run }) => {
      await run('setProviderKey', { provider: 'openai', apiKey: 'sk-1234567890' });
      return { provider: 'openai' };
    },
    errors: { ...UNKNOWN_PROVIDER, NotFoundError: () => ({ provider: 'xai' }) },
  },
  {
    field: 'testProvider',
    scopes: [['MANAGE']],
    args: () => ({ provider: 'builtin' }),
    errors: UNKNOWN_PROVIDER,
  },
];

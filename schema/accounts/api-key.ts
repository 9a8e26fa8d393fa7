import { createApiKey, MAX_KEY_CHATBOTS, revokeApiKey, updateApiKey } from '../../src/access/api-keys.ts';
import type { ApiKey, Scope as ScopeName } from '../../src/domain/entities.ts';
import { ApiKeyLimitError, InvalidInputError, NotFoundError } from '../../src/domain/errors.ts';
import { builder, CHANGES_RULE } from '../builder.ts';
import { Node } from '../node.ts';

/** The permissions of a credential. */
export const Scope = builder.enumType('Scope', {
  description: 'A permission of a credential. An API key without restrictions has all permissions.',
  values: {
    READ: { description: 'Permits reading the data of the account.' },
    CHAT: { description: 'Permits sending messages, streaming replies and reading their conversations.' },
    MANAGE: {
      description: 'Permits changing chatbots, sources, API keys and webhooks, and answering visitors as a person.',
    },
  } satisfies Record<ScopeName, object>,
});

/** An API key, without its secret. `chatbots/key-chatbots.ts` adds its chatbots. */
export const ApiKeyRef = builder.objectRef<ApiKey>('ApiKey').implement({
  description: 'A credential for servers, without its secret. Its scopes limit its access to the account.',
  interfaces: [Node],
  fields: (t) => ({
    name: t.exposeString('name', { description: 'The name given by its creator.' }),
    prefix: t.exposeString('prefix', { description: 'The first 8 characters of the key, for recognition.' }),
    scopes: t.field({ type: [Scope], description: 'The permissions of the key.', resolve: (key) => [...key.scopes] }),
    isActive: t.boolean({
      description: 'False after the key was revoked, and when it has expired.',
      resolve: ({ revokedAt, expiresAt }, _args, { deps }) =>
        revokedAt === null && (expiresAt === null || Date.parse(expiresAt) > deps.clock.now()),
    }),
    lastUsedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'The time of the last use; null if never used.',
      resolve: (key, _args, { deps }) => deps.keyring.lastUsedAt(key.id) ?? key.lastUsedAt,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'The time of creation.' }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: 'The time from which the key is invalid, and at which its streams end; null if it never expires.',
    }),
    revokedAt: t.expose('revokedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'The time of the revocation, which is final; null while the key is active.',
    }),
    persistedOnly: t.exposeBoolean('persistedOnly', {
      description:
        'True if the key may run only the documents of the manifests of the account, and of the built-in manifest `chat`.',
    }),
  }),
});

builder.relayMutationField(
  'createApiKey',
  {
    description: 'The fields of a new API key.',
    inputFields: (t) => ({
      name: t.string({ required: true, description: 'The name of the key; 1 to 255 characters.' }),
      scopes: t.field({
        type: [Scope],
        required: false,
        description:
          'The permissions of the key, at most those of this credential; if absent, the same as this credential.',
      }),
      persistedOnly: t.boolean({
        description:
          'True to allow only the documents of manifests, over GraphQL; if absent, the same as this credential.',
      }),
      expiresAt: t.field({
        type: 'DateTime',
        required: false,
        description:
          'The time from which the key is invalid, in the future and not after the expiry of this credential; if absent, the same as this credential.',
      }),
      chatbotIds: t.idList({
        required: false,
        description: `The chatbots to which the key is restricted, 1 to ${MAX_KEY_CHATBOTS} chatbots of this credential; if absent, the same as this credential. Everything of another chatbot appears not to exist to a restricted key, and it cannot create chatbots.`,
      }),
    }),
  },
  {
    description: 'Creates an API key. An account has at most 5 active keys. Needs `MANAGE`.',
    allowsRestricted: true,
    authScopes: { MANAGE: true },
    errors: { types: [InvalidInputError, ApiKeyLimitError] },
    resolve: (_root, { input }, { deps, viewer }) => createApiKey(deps, viewer, input),
  },
  {
    description: 'The new API key with its secret.',
    outputFields: (t) => ({
      apiKey: t.expose('apiKey', { type: ApiKeyRef, description: 'The new API key without its secret.' }),
      key: t.exposeString('secret', { description: 'The API key itself, which is never shown again.' }),
    }),
  },
);

builder.relayMutationField(
  'updateApiKey',
  {
    description: `The changes to an API key. ${CHANGES_RULE}`,
    inputFields: (t) => ({
      id: t.id({ required: true, description: 'The id of the API key.' }),
      name: t.string({ description: 'The name of the key; 1 to 255 characters. Must not be null.' }),
      persistedOnly: t.boolean({
        description:
          'True to allow only the documents of manifests, on open WebSockets too; running operations continue. Must not be null.',
      }),
    }),
  },
  {
    description: 'Changes an API key. Its permissions never change. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError, InvalidInputError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ apiKey: await updateApiKey(deps, viewer, input) }),
  },
  {
    description: 'The updated API key.',
    outputFields: (t) => ({
      apiKey: t.expose('apiKey', { type: ApiKeyRef, description: 'The API key after the change.' }),
    }),
  },
);

builder.relayMutationField(
  'revokeApiKey',
  {
    description: 'The API key to revoke.',
    inputFields: (t) => ({ id: t.id({ required: true, description: 'The id of the API key.' }) }),
  },
  {
    description: 'Revokes an API key permanently. Its requests, WebSockets and streams end at once. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ apiKey: await revokeApiKey(deps, viewer, input) }),
  },
  {
    description: 'The revoked API key.',
    outputFields: (t) => ({
      apiKey: t.expose('apiKey', { type: ApiKeyRef, description: 'The revoked API key.' }),
    }),
  },
);

import { createApiKey, revokeApiKey } from '../../src/access/api-keys.ts';
import type { ApiKey, Scope as ScopeName } from '../../src/domain/entities.ts';
import { ApiKeyLimitError, InvalidInputError, NotFoundError } from '../../src/domain/errors.ts';
import { builder } from '../builder.ts';
import { Node } from '../node.ts';

/** What a credential may do. */
export const Scope = builder.enumType('Scope', {
  description: 'What a credential may do. A key made without any restriction has all.',
  values: {
    READ: { description: 'Read the graph.' },
    CHAT: { description: 'Send messages, follow their replies and read the conversations that they belong to.' },
    MANAGE: { description: 'Change chatbots, sources, keys and webhooks.' },
  } satisfies Record<ScopeName, object>,
});

/** An API key, without its secret. */
export const ApiKeyRef = builder.objectRef<ApiKey>('ApiKey').implement({
  description: 'A credential for servers. It reaches everything of its account that its scopes allow.',
  interfaces: [Node],
  fields: (t) => ({
    name: t.exposeString('name', { description: 'What it is for, in the words of who made it.' }),
    prefix: t.exposeString('prefix', { description: 'The first 8 characters of the key, to recognise it by.' }),
    scopes: t.field({ type: [Scope], description: 'What it may do.', resolve: (key) => [...key.scopes] }),
    isActive: t.boolean({ description: 'False once it is revoked.', resolve: (key) => key.revokedAt === null }),
    lastUsedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it was last used; null if never.',
      resolve: (key, _args, { deps }) => deps.keyring.lastUsedAt(key.id) ?? key.lastUsedAt,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    revokedAt: t.expose('revokedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was revoked, for good; null while it is active.',
    }),
  }),
});

builder.relayMutationField(
  'createApiKey',
  {
    description: 'What to make.',
    inputFields: (t) => ({
      name: t.string({ required: true, description: 'What the key is for; 1 to 255 characters.' }),
      scopes: t.field({
        type: [Scope],
        required: false,
        description: 'What it may do, at most what this credential may; absent means the same as it.',
      }),
    }),
  },
  {
    description: 'Makes an API key. Needs `MANAGE`. At most 5 can be active.',
    authScopes: { MANAGE: true },
    errors: { types: [InvalidInputError, ApiKeyLimitError] },
    resolve: (_root, { input }, { deps, viewer }) => createApiKey(deps, viewer, input),
  },
  {
    description: 'The new key.',
    outputFields: (t) => ({
      apiKey: t.expose('apiKey', { type: ApiKeyRef, description: 'The key, as it will be listed.' }),
      key: t.exposeString('secret', { description: 'Its full text. Keep it now: it is never shown again.' }),
    }),
  },
);

builder.relayMutationField(
  'revokeApiKey',
  {
    description: 'What to revoke.',
    inputFields: (t) => ({ id: t.id({ required: true, description: 'The id of the key.' }) }),
  },
  {
    description: 'Revokes an API key for good; its requests, sockets and streams end at once. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ apiKey: await revokeApiKey(deps, viewer, input) }),
  },
  {
    description: 'The key that was revoked.',
    outputFields: (t) => ({
      apiKey: t.expose('apiKey', { type: ApiKeyRef, description: 'The key, now inactive.' }),
    }),
  },
);

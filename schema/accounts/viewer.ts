import type { Viewer } from '../../src/access/viewer.ts';
import type { Account } from '../../src/domain/entities.ts';
import type { RateLimitStatus } from '../../src/domain/limits.ts';
import { toTimestamp } from '../../src/domain/time.ts';
import { findAccount } from '../../src/store/accounts.ts';
import { findApiKey, listApiKeys, listRestrictedApiKeys } from '../../src/store/api-keys.ts';
import { countMembers, listMembers } from '../../src/store/members/members.ts';
import { builder, type FieldExtensions } from '../builder.ts';
import { pageExtensions, paginate } from '../connection.ts';
import { Node } from '../node.ts';
import { ApiKeyRef, Scope } from './api-key.ts';
import { MemberConnection, MemberRef } from './member.ts';

const MAX_LISTED_KEYS = 50;

const ViewerKind = builder.enumType('ViewerKind', {
  description: 'The kind of a credential.',
  values: {
    API_KEY: { description: 'An API key, for servers.' },
    OAUTH: { description: 'A token of an OpenID Connect issuer, with which a person signs in: see `member`.' },
    SESSION: { description: 'A session token, for the conversations of one visitor in a browser or an app.' },
  } satisfies Record<Viewer['kind'], object>,
});

/** The status of a rate limit. */
export const RateLimitStatusRef = builder.objectRef<RateLimitStatus>('RateLimitStatus').implement({
  description: 'The rate limit status of a credential, this request included.',
  fields: (t) => ({
    limit: t.exposeInt('limit', { sessions: true, description: 'The number of requests allowed in any 60 seconds.' }),
    remaining: t.exposeInt('remaining', { sessions: true, description: 'The number of further requests allowed now.' }),
    resetAt: t.field({
      type: 'DateTime',
      sessions: true,
      description: 'The time when `remaining` next increases.',
      resolve: ({ resetMs }, _args, { deps }) => toTimestamp(deps.clock.now() + resetMs),
    }),
  }),
});

/** An account, which owns all other objects. `usage.ts` adds its usage. */
export const AccountRef = builder.objectRef<Account>('Account').implement({
  description: 'An account, which owns chatbots, API keys and all their data. Accounts cannot see each other.',
  interfaces: [Node],
  fields: (t) => ({
    name: t.exposeString('name', { description: 'The name of the account.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'The time of creation.' }),
    apiKeys: t.field({
      type: [ApiKeyRef],
      allowsRestricted: true,
      authScopes: { MANAGE: true },
      description: `The API keys of the account, newest first, revoked ones included; at most ${MAX_LISTED_KEYS}. A credential that is restricted to chatbots sees the keys that are restricted to no others. Needs \`MANAGE\`.`,
      extensions: { listSize: () => MAX_LISTED_KEYS } satisfies FieldExtensions,
      resolve: async (account, _args, { deps, viewer: { chatbotIds } }) => {
        if (chatbotIds === undefined) return listApiKeys(deps.db.read, account.id, MAX_LISTED_KEYS);
        return (await listRestrictedApiKeys(deps.db.read, account.id, chatbotIds)).slice(0, MAX_LISTED_KEYS);
      },
    }),
  }),
});

builder.objectField(AccountRef, 'members', (t) =>
  t.connection(
    {
      type: MemberRef,
      authScopes: { READ: true },
      description:
        'The people who have signed in, deactivated ones included, the first to sign in first. Needs `READ`.',
      extensions: pageExtensions,
      resolve: (account, args, { deps }) =>
        paginate(
          'member',
          args,
          (page) => listMembers(deps.db.read, account.id, page),
          () => countMembers(deps.db.read, account.id),
        ),
    },
    MemberConnection,
  ),
);

/** The credential of a request. Other files add its visitor and its session token. */
export const ViewerRef = builder.objectRef<Viewer>('Viewer').implement({
  description: 'The credential of this request.',
  fields: (t) => ({
    id: t.id({
      sessions: true,
      description: 'The identity of the credential, for caches; `node` does not find it.',
      resolve: ({ credentialId, session }) =>
        ['viewer', credentialId, session?.conversationId].filter(Boolean).join(':'),
    }),
    kind: t.field({
      type: ViewerKind,
      sessions: true,
      description: 'The kind of the credential.',
      resolve: (viewer) => viewer.kind,
    }),
    account: t.field({
      type: AccountRef,
      description: 'The account of the credential.',
      resolve: async (viewer, _args, { deps }) => {
        const account = await findAccount(deps.db.read, viewer.accountId);
        if (account === undefined) throw new Error('The viewer has no account.');
        return account;
      },
    }),
    apiKey: t.field({
      type: ApiKeyRef,
      nullable: true,
      description: 'The API key; null for another kind of credential, and if the key no longer exists.',
      resolve: async ({ accountId, apiKeyId }, _args, { deps }) =>
        apiKeyId === null ? null : ((await findApiKey(deps.db.read, accountId, apiKeyId)) ?? null),
    }),
    member: t.field({
      type: MemberRef,
      nullable: true,
      description: 'The person who has signed in; null for other kinds of credentials.',
      resolve: ({ member }) => member ?? null,
    }),
    scopes: t.field({
      type: [Scope],
      sessions: true,
      description: 'The permissions of the credential.',
      resolve: (viewer) => [...viewer.scopes],
    }),
    rateLimit: t.field({
      type: RateLimitStatusRef,
      sessions: true,
      description: 'The rate limit status of the credential.',
      resolve: (_viewer, _args, { request }) => request.rateLimit,
    }),
  }),
});

builder.queryField('viewer', (t) =>
  t.field({
    type: ViewerRef,
    allowsRestricted: true,
    sessions: true,
    description: 'The credential of this request. Needs no scope.',
    resolve: (_root, _args, { viewer }) => viewer,
  }),
);

import type { Viewer } from '../../src/access/viewer.ts';
import type { Account } from '../../src/domain/entities.ts';
import type { RateLimitStatus } from '../../src/domain/errors.ts';
import { toTimestamp } from '../../src/domain/time.ts';
import { findAccount } from '../../src/store/accounts.ts';
import { findApiKey, listApiKeys } from '../../src/store/api-keys.ts';
import { builder, type FieldExtensions } from '../builder.ts';
import { Node } from '../node.ts';
import { ApiKeyRef, Scope } from './api-key.ts';

const MAX_LISTED_KEYS = 50;

const ViewerKind = builder.enumType('ViewerKind', {
  description: 'What kind of credential a viewer has.',
  values: {
    API_KEY: { description: 'An API key, for use on servers.' },
    SESSION: { description: 'A session token, for one conversation in a browser.' },
  } satisfies Record<Viewer['kind'], object>,
});

const RateLimitStatusRef = builder.objectRef<RateLimitStatus>('RateLimitStatus').implement({
  description: 'How a credential stands with its rate limit, this request counted.',
  fields: (t) => ({
    limit: t.exposeInt('limit', { description: 'Requests allowed in any 60 seconds.' }),
    remaining: t.exposeInt('remaining', { description: 'Requests that would be let through right now.' }),
    resetAt: t.field({
      type: 'DateTime',
      description: 'When `remaining` next grows by itself.',
      resolve: ({ resetMs }, _args, { deps }) => toTimestamp(deps.clock.now() + resetMs),
    }),
  }),
});

/** Owns everything else; its usage is in `usage.ts`. */
export const AccountRef = builder.objectRef<Account>('Account').implement({
  description: 'Owns chatbots, keys and all that belongs to them. Accounts never see each other.',
  interfaces: [Node],
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    apiKeys: t.field({
      type: [ApiKeyRef],
      authScopes: { MANAGE: true },
      description: `Its API keys, newest first, revoked ones included; at most ${MAX_LISTED_KEYS}. Needs \`MANAGE\`.`,
      extensions: { listSize: () => MAX_LISTED_KEYS } satisfies FieldExtensions,
      resolve: (account, _args, { deps }) => listApiKeys(deps.db.read, account.id, MAX_LISTED_KEYS),
    }),
  }),
});

const ViewerRef = builder.objectRef<Viewer>('Viewer').implement({
  description: 'Who asks: the credential of this request.',
  fields: (t) => ({
    kind: t.field({
      type: ViewerKind,
      description: 'What kind of credential it is.',
      resolve: (viewer) => viewer.kind,
    }),
    account: t.field({
      type: AccountRef,
      description: 'The account that it belongs to.',
      resolve: async (viewer, _args, { deps }) => {
        const account = await findAccount(deps.db.read, viewer.accountId);
        if (account === undefined) throw new Error('The viewer has no account.');
        return account;
      },
    }),
    apiKey: t.field({
      type: ApiKeyRef,
      nullable: true,
      description: 'The API key, where that is the credential.',
      resolve: async (viewer, _args, { deps }) =>
        (await findApiKey(deps.db.read, viewer.accountId, viewer.apiKeyId)) ?? null,
    }),
    scopes: t.field({ type: [Scope], description: 'What it may do.', resolve: (viewer) => [...viewer.scopes] }),
    rateLimit: t.field({
      type: RateLimitStatusRef,
      description: 'How it stands with its rate limit.',
      resolve: (_viewer, _args, { request }) => request.rateLimit,
    }),
  }),
});

builder.queryField('viewer', (t) =>
  t.field({
    type: ViewerRef,
    description: 'Who asks. Open to every credential.',
    resolve: (_root, _args, { viewer }) => viewer,
  }),
);

import { InvalidInputError, NotFoundError, requireFound, VisitorBlockedError } from '../../src/domain/errors.ts';
import type { SessionToken } from '../../src/domain/visitors/session-tokens.ts';
import { createSessionToken, type OpenedSession, revokeSessionToken } from '../../src/visitors/sessions.ts';
import { OperationManifestRef } from '../accounts/operation-manifest.ts';
import { ViewerRef } from '../accounts/viewer.ts';
import { builder } from '../builder.ts';
import { ChatbotRef } from '../chatbots/chatbot.ts';
import { Node } from '../node.ts';
import { VisitorRef } from './visitor.ts';
import { VisitorInput } from './visitor-input.ts';

/** A session token. */
export const SessionTokenRef = builder.objectRef<SessionToken>('SessionToken').implement({
  description:
    'A credential for a browser or an app, which speaks as one visitor to one chatbot. Renewals issue new tokens for the same `SessionToken`.',
  interfaces: [Node],
  fields: (t) => ({
    visitor: t.field({
      type: VisitorRef,
      nullable: true,
      sessions: true,
      description: 'The visitor; null if it has been deleted.',
      resolve: async ({ visitorId }, _args, { loaders }) => (await loaders.visitor.load(visitorId)) ?? null,
    }),
    chatbot: t.field({
      type: ChatbotRef,
      sessions: true,
      description: 'The chatbot.',
      resolve: async ({ chatbotId }, _args, { loaders }) =>
        requireFound('Chatbot', await loaders.chatbot.load(chatbotId)),
    }),
    origin: t.exposeString('origin', {
      nullable: true,
      sessions: true,
      description: 'The only origin whose pages may use the token; null for any, as for an app.',
    }),
    operations: t.field({
      type: OperationManifestRef,
      nullable: true,
      description:
        'The newest version of the manifest whose documents the token may run. Null for the built-in manifest `chat`, and for a token without a manifest, which may run any document unless its chatbot is `persistedOnly`.',
      resolve: async ({ operations }, _args, { loaders }) =>
        operations === null ? null : ((await loaders.newestManifest.load(operations)) ?? null),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', sessions: true, description: 'The time of creation.' }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      sessions: true,
      description: 'The time when the newest token expires, unless it is renewed.',
    }),
    revokedAt: t.expose('revokedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'The time when the session was revoked; null if it was not.',
    }),
  }),
});

builder.objectFields(ViewerRef, (t) => ({
  visitor: t.field({
    type: VisitorRef,
    nullable: true,
    sessions: true,
    description: 'The visitor of a session token; null for any other credential.',
    resolve: async ({ session }, _args, { loaders }) =>
      session?.visitorId ? ((await loaders.visitor.load(session.visitorId)) ?? null) : null,
  }),
  sessionToken: t.field({
    type: SessionTokenRef,
    nullable: true,
    sessions: true,
    description: 'The session token; null for any other credential.',
    resolve: async ({ session }, _args, { loaders }) =>
      session ? ((await loaders.sessionToken.load(session.tokenId)) ?? null) : null,
  }),
}));

builder.relayMutationField(
  'createSessionToken',
  {
    description: 'The chatbot and the visitor of a new session.',
    inputFields: (t) => ({
      chatbotId: t.id({ required: true, description: 'The id of the chatbot. It need not be public.' }),
      visitor: t.field({ type: VisitorInput, description: 'The visitor; if absent, a new anonymous one.' }),
      origin: t.string({
        description: 'The only origin whose pages may use the token, such as `https://shop.example`; if absent, any.',
      }),
      operations: t.string({
        description:
          'The name of the manifest whose documents the token may run; `chat` is the built-in one. If absent, the token may run any document, unless the chatbot is `persistedOnly`.',
      }),
      expiresInSeconds: t.int({
        description: 'The lifetime of each token of the session in seconds: 60 to 3,600; 600 if absent.',
      }),
    }),
  },
  {
    description:
      'Creates a session token for a browser or an app of a visitor. It may do only what a visitor does, in conversations of its own. Needs `CHAT`.',
    authScopes: { CHAT: true },
    errors: { types: [NotFoundError, InvalidInputError, VisitorBlockedError] },
    resolve: (_root, { input }, { deps, viewer }) => createSessionToken(deps, viewer, input),
  },
  {
    description: 'The new session token.',
    outputFields: (t) => ({
      sessionToken: t.field({
        type: SessionTokenRef,
        description: 'The session token.',
        resolve: (opened: OpenedSession) => opened.sessionToken,
      }),
      token: t.string({
        description: 'The token, `ics_…`, which goes where API keys go. It cannot be read again.',
        resolve: (opened: OpenedSession) => opened.token,
      }),
      renewalToken: t.string({
        description:
          'The credential that renews the session once, within 30 days: `POST /v1/sessions/renew`. It cannot be read again.',
        resolve: (opened: OpenedSession) => opened.renewalToken,
      }),
    }),
  },
);

builder.relayMutationField(
  'revokeSessionToken',
  {
    description: 'The session token to revoke.',
    inputFields: (t) => ({ id: t.id({ required: true, description: 'The id of the session token.' }) }),
  },
  {
    description:
      'Revokes a session token permanently, with its renewal. Its requests, sockets and streams end within 2 seconds. Needs `CHAT` or `MANAGE`.',
    authScopes: { $any: { CHAT: true, MANAGE: true } },
    errors: { types: [NotFoundError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({
      sessionToken: await revokeSessionToken(deps, viewer, input),
    }),
  },
  {
    description: 'The revoked session token.',
    outputFields: (t) => ({
      sessionToken: t.expose('sessionToken', { type: SessionTokenRef, description: 'The revoked session token.' }),
    }),
  },
);

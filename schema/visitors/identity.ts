import type { Chatbot } from '../../src/domain/entities.ts';
import { InvalidInputError, NotFoundError, VisitorBlockedError } from '../../src/domain/errors.ts';
import { listIdentitySecrets } from '../../src/store/visitors/identity-secrets.ts';
import { identifyVisitor } from '../../src/visitors/identify-visitor.ts';
import { rotateIdentitySecret } from '../../src/visitors/identity.ts';
import { builder } from '../builder.ts';
import { ChatbotRef } from '../chatbots/chatbot.ts';
import { SETTINGS_SCOPES } from '../scopes.ts';
import { VisitorRef } from './visitor.ts';

const ChatbotIdentityRef = builder.objectRef<Chatbot>('ChatbotIdentity').implement({
  description: 'The rules by which the visitors of a chatbot are identified.',
  fields: (t) => ({
    isRequired: t.boolean({
      description: 'True if a session without a key needs a signed identity.',
      resolve: ({ identity }) => identity.isRequired,
    }),
    jwksUrl: t.string({
      nullable: true,
      description: 'The address of the key set that verifies RS256 and ES256; null if only the identity secret signs.',
      resolve: ({ identity }) => identity.jwksUrl,
    }),
    secretEnding: t.string({
      nullable: true,
      description: 'The last four characters of the newest identity secret; null if there is none.',
      resolve: async ({ id, accountId }, _args, { deps }) =>
        (await listIdentitySecrets(deps.db.read, accountId, id))[0]?.ending ?? null,
    }),
  }),
});

builder.objectField(ChatbotRef, 'identity', (t) =>
  t.field({
    type: ChatbotIdentityRef,
    authScopes: SETTINGS_SCOPES,
    description: 'The rules by which the visitors are identified. Needs `READ` or `MANAGE`.',
    resolve: (chatbot) => chatbot,
  }),
);

builder.relayMutationField(
  'rotateIdentitySecret',
  {
    description: 'The chatbot that gets a new identity secret.',
    inputFields: (t) => ({ chatbotId: t.id({ required: true, description: 'The id of the chatbot.' }) }),
  },
  {
    description:
      'Creates a new secret with which your servers sign the identities of visitors. The secret before it stays valid until the next rotation. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError] },
    resolve: (_root, { input }, { deps, viewer }) => rotateIdentitySecret(deps, viewer, input),
  },
  {
    description: 'The new identity secret.',
    outputFields: (t) => ({
      chatbot: t.expose('chatbot', { type: ChatbotRef, description: 'The chatbot.' }),
      secret: t.exposeString('secret', { description: 'The secret, `ids_…`. It cannot be read again.' }),
    }),
  },
);

builder.relayMutationField(
  'identifyVisitor',
  {
    description: 'The identity of the visitor of a session.',
    inputFields: (t) => ({
      identity: t.string({
        required: true,
        description: 'A JWT with `exp` and `user_id`, which a server of the account has signed.',
      }),
    }),
  },
  {
    description:
      'Identifies the visitor of the session token. An anonymous visitor becomes the identified one, with all its conversations and leads; the session continues as that visitor, on all gateways within 2 seconds. No event and no webhook reports it. The same identity again changes only the details; that of another visitor is refused. Only for session tokens. Needs `CHAT`.',
    authScopes: { CHAT: true },
    sessions: true,
    errors: { types: [InvalidInputError, VisitorBlockedError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ visitor: await identifyVisitor(deps, viewer, input) }),
  },
  {
    description: 'The identified visitor.',
    outputFields: (t) => ({
      visitor: t.expose('visitor', {
        type: VisitorRef,
        description: 'The identified visitor, now that of the session.',
      }),
    }),
  },
);

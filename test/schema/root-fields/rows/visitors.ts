import { SignJWT } from 'jose';
import { createId } from '../../../../src/domain/ids.ts';
import type { Row } from '../row.ts';
import type { World } from '../world.ts';

async function signIdentity({ ids, run }: World, claims: object): Promise<string> {
  const { secret } = await run<{ secret: string }>('rotateIdentitySecret', { chatbotId: ids.chatbot }, 'secret');
  return new SignJWT({ ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('5m')
    .sign(new TextEncoder().encode(secret));
}

/** The rows of the mutations of visitors. */
export const VISITOR_ROWS: readonly Row[] = [
  {
    field: 'updateVisitor',
    scopes: [['MANAGE']],
    args: ({ ids }) => ({ id: ids.visitor, name: 'Ada' }),
    ids: { id: { kind: 'visitor' } },
    errors: { InvalidInputError: ({ ids }) => ({ id: ids.visitor, email: 'ada' }) },
  },
  {
    field: 'blockVisitor',
    scopes: [['MANAGE']],
    args: ({ ids }) => ({ id: ids.visitor, isBlocked: false }),
    ids: { id: { kind: 'visitor', args: (id) => ({ id, isBlocked: false }) } },
    errors: { InvalidInputError: () => ({ address: 'example.com', until: '2030-01-01T00:00:00Z' }) },
  },
  {
    field: 'createSessionToken',
    scopes: [['CHAT']],
    args: ({ ids }) => ({ chatbotId: ids.chatbot }),
    ids: { chatbotId: { kind: 'chatbot' } },
    errors: {
      InvalidInputError: ({ ids }) => ({ chatbotId: ids.chatbot, origin: 'null' }),
      VisitorBlockedError: async ({ ids, run }) => {
        const visitor = { externalId: createId('visitor') };
        const selection = 'sessionToken { visitor { id } }';
        const { sessionToken } = await run<{ sessionToken: { visitor: { id: string } } }>(
          'createSessionToken',
          { chatbotId: ids.chatbot, visitor },
          selection,
        );
        await run('blockVisitor', { id: sessionToken.visitor.id });
        return { chatbotId: ids.chatbot, visitor };
      },
    },
  },
  {
    field: 'rotateIdentitySecret',
    scopes: [['MANAGE']],
    args: ({ ids }) => ({ chatbotId: ids.chatbot }),
    ids: { chatbotId: { kind: 'chatbot' } },
  },
  {
    field: 'identifyVisitor',
    scopes: [['CHAT']],
    createCredential: async ({ ids, run }) =>
      (await run<{ token: string }>('createSessionToken', { chatbotId: ids.chatbot }, 'token')).token,
    args: async (world) => ({ identity: await signIdentity(world, { user_id: createId('visitor') }) }),
    errors: {
      InvalidInputError: () => ({ identity: 'a' }),
      VisitorBlockedError: async (world) => {
        const visitor = { externalId: createId('visitor') };
        const { sessionToken } = await world.run<{ sessionToken: { visitor: { id: string } } }>(
          'createSessionToken',
          { chatbotId: world.ids.chatbot, visitor },
          'sessionToken { visitor { id } }',
        );
        await world.run('blockVisitor', { id: sessionToken.visitor.id });
        return { identity: await signIdentity(world, { user_id: visitor.externalId }) };
      },
    },
  },
  {
    field: 'revokeSessionToken',
    scopes: [['CHAT'], ['MANAGE']],
    args: ({ ids }) => ({ id: ids.sessionToken }),
    ids: { id: { kind: 'sessionToken' } },
  },
];

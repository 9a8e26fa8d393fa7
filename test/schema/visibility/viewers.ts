import { signSessionToken } from '../../../src/access/session-tokens/signed-tokens.ts';
import { createId } from '../../../src/domain/ids.ts';
import { toTimestamp } from '../../../src/domain/time.ts';
import { send } from '../../helpers/chatbots.ts';
import { webSocket } from '../../helpers/streams.ts';
import type { World } from '../root-fields/world.ts';

interface Created {
  readonly token: string;
  readonly sessionToken: { readonly id: string; readonly visitor: { readonly id: string } };
}

const SELECTION = 'token sessionToken { id visitor { id } }';

/** Creates a session token for a new visitor of the chatbot of a world. */
export const createSession = ({ run, ids }: World): Promise<Created> =>
  run<Created>('createSessionToken', { chatbotId: ids.chatbot }, SELECTION);

/** The world as a new visitor sees it: the key is a session token, and the conversation is one of the visitor. */
export async function createSessionWorld(world: World): Promise<World> {
  const { token, sessionToken } = await createSession(world);
  const session: World = { ...world, key: token };
  const sent = await send(session, { chatbotId: world.ids.chatbot, content: 'How tall is the tower?' });
  await webSocket.subscribe(session, { messageId: sent.replyId }).ended;
  const { conversationId: conversation, messageId: message, replyId } = sent;
  const ids = { ...world.ids, conversation, message, visitor: sessionToken.visitor.id, sessionToken: sessionToken.id };
  return { ...session, ids, replyId };
}

/** A credential that is not valid, with the code that its requests get. */
export interface InvalidCredential {
  readonly name: string;
  readonly key: string | undefined;
  readonly code: string;
}

/** Credentials that are no longer valid or never were, and none. */
export async function createInvalidCredentials(world: World): Promise<readonly InvalidCredential[]> {
  const { deps, accountId, createSpareKey, ids, run } = world;
  const now = deps.clock.now();
  const revoked = await createSession(world);
  await run('revokeSessionToken', { id: revoked.sessionToken.id });
  // The next spare key takes the place of this one.
  const revokedKey = await createSpareKey(['READ', 'CHAT', 'MANAGE']);
  await run('revokeApiKey', { id: revokedKey.id });
  const expiredKey = await createSpareKey(['READ', 'CHAT', 'MANAGE']);
  await deps.db.transaction((trx) =>
    trx
      .updateTable('api_keys')
      .set({ expires_at: toTimestamp(now - 1_000) })
      .where('id', '=', expiredKey.id)
      .execute(),
  );
  const [signingKey] = deps.sealer.deriveKeys('session-token');
  if (signingKey === undefined) throw new Error('There is no key for session tokens.');
  const { sessionToken } = await createSession(world);
  const session = { tokenId: sessionToken.id, accountId, chatbotId: ids.chatbot, visitorId: sessionToken.visitor.id };
  const expired = await signSessionToken(
    signingKey,
    { ...session, origin: null, operations: null, channel: 'GRAPHQL', expiresAtMs: now - 60_000 },
    now - 120_000,
  );
  return [
    { name: 'nobody', key: undefined, code: 'UNAUTHENTICATED' },
    { name: 'an unknown key', key: createId('apiKey'), code: 'UNAUTHENTICATED' },
    { name: 'an expired key', key: expiredKey.secret, code: 'UNAUTHENTICATED' },
    { name: 'a revoked key', key: revokedKey.secret, code: 'UNAUTHENTICATED' },
    { name: 'an expired session', key: expired, code: 'SESSION_EXPIRED' },
    { name: 'a revoked session', key: revoked.token, code: 'UNAUTHENTICATED' },
  ];
}

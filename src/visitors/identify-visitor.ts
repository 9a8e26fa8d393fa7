import { applyAccessChange } from '../access/session-tokens/apply-change.ts';
import type { Viewer } from '../access/viewer.ts';
import { InvalidInputError, UnauthenticatedError, VisitorBlockedError } from '../domain/errors.ts';
import { toTimestamp } from '../domain/time.ts';
import type { SessionToken } from '../domain/visitors/session-tokens.ts';
import type { Visitor } from '../domain/visitors/visitors.ts';
import { findChatbot } from '../store/chatbots.ts';
import type { Queryable } from '../store/tables.ts';
import { joinVisitors, lockConversationsOfVisitor } from '../store/visitors/joins.ts';
import { findVisitor } from '../store/visitors/visitors.ts';
import { createIdentityError, type IdentityDeps, type SignedIdentity, verifyIdentity } from './identity.ts';
import type { SessionDeps } from './sessions.ts';
import { changeDetails, lockSessionVisitor, recordSeen, saveIdentifiedVisitor } from './visitor-of-send.ts';

/**
 * Identifies the visitor of the viewer's session. An anonymous visitor becomes the identified one, with all its
 * conversations; the tokens of the session then speak as that one, on all gateways within 2 seconds. The same identity
 * again changes only the details.
 * @throws InvalidInputError for an identity that is not valid, for that of another visitor than the identified one of the
 * session, and for a viewer without a session; VisitorBlockedError; UnauthenticatedError if the visitor no longer exists.
 */
export async function identifyVisitor(
  deps: SessionDeps & IdentityDeps,
  { accountId, session }: Pick<Viewer, 'accountId' | 'session'>,
  input: { readonly identity: string },
): Promise<Visitor> {
  if (session === undefined || session.conversationId !== undefined) {
    throw new InvalidInputError([{ path: [], message: 'Only a session token has a visitor to identify.' }]);
  }
  const { chatbotId, visitorId } = session;
  const chatbot = await findChatbot(deps.db.read, accountId, chatbotId);
  if (chatbot === undefined) throw new UnauthenticatedError();
  const identity = await verifyIdentity(deps, chatbot, input.identity);
  const now = deps.clock.now();
  const owner = { accountId, chatbotId, visitorId };
  const visitor = await deps.db.transaction((trx) => identifyInTransaction(trx, owner, identity, now));
  if (visitor.id !== visitorId) await applyAccessChange(deps);
  return visitor;
}

/**
 * Makes the visitor of a session the identified one, and returns it locked. An anonymous visitor joins it. No event
 * reports this: the logs of the conversations and their numbers stay as they are.
 * @throws InvalidInputError if the session has another identified visitor; VisitorBlockedError, UnauthenticatedError
 */
export async function identifyInTransaction(
  trx: Queryable,
  { accountId, chatbotId, visitorId }: Pick<SessionToken, 'accountId' | 'chatbotId' | 'visitorId'>,
  identity: SignedIdentity,
  now: number,
): Promise<Visitor> {
  const found = await findVisitor(trx, accountId, visitorId);
  // Conversations are locked before their visitor. One that starts in between is locked by its move: if this collides with
  // a message in it, Postgres ends one of the two transactions, which then runs again.
  if (found?.externalId === null) await lockConversationsOfVisitor(trx, accountId, visitorId);
  const present = await lockSessionVisitor(trx, accountId, visitorId);
  if (present.isBlocked) throw new VisitorBlockedError();
  if (present.externalId === identity.externalId) {
    return recordSeen(trx, await changeDetails(trx, present, identity.details), now);
  }
  if (present.externalId !== null) throw createIdentityError('The session belongs to another visitor.');
  // An identified visitor who is new came when the anonymous one did.
  const owner = { accountId, chatbotId };
  const identified = await saveIdentifiedVisitor(trx, owner, identity, present.firstSeenAt);
  if (identified.isBlocked) throw new VisitorBlockedError();
  await joinVisitors(trx, present, identified, toTimestamp(now));
  return recordSeen(trx, identified, now);
}

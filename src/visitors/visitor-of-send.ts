import type { z } from 'zod';
import type { Viewer } from '../access/viewer.ts';
import type { Chatbot, Conversation } from '../domain/entities.ts';
import { InvalidInputError, requireFound, UnauthenticatedError, VisitorBlockedError } from '../domain/errors.ts';
import { createId } from '../domain/ids.ts';
import { clientIdText } from '../domain/input.ts';
import { toJson } from '../domain/json.ts';
import { type Timestamp, toTimestamp } from '../domain/time.ts';
import type { Visitor, VisitorDetails } from '../domain/visitors/visitors.ts';
import { updateConversation } from '../store/conversations.ts';
import type { Queryable } from '../store/tables.ts';
import { findJoinedVisitorId } from '../store/visitors/access-state.ts';
import {
  findVisitor,
  insertVisitor,
  lockVisitor,
  lockVisitorByExternalId,
  updateVisitor,
} from '../store/visitors/visitors.ts';
import { toDetails, type VisitorDetailsInput, visitorDetailsRules } from './visitor-details.ts';

/** The visitor who speaks, as a server of the account names them. */
export interface VisitorInput extends VisitorDetailsInput {
  /** The id in the account's own systems; absent: an anonymous visitor. */
  readonly externalId?: string | null | undefined;
}

/** The rules of a visitor that a server names. */
export const visitorRules = visitorDetailsRules.extend({ externalId: clientIdText.nullish() });

/** A visitor that a server names, validated. */
export type NamedVisitor = z.output<typeof visitorRules>;

/** The accuracy of `lastSeenAt`: most messages need no write. */
const SEEN_ACCURACY_MS = 60_000;

/**
 * Finds or creates the visitor of a message, locks it, and records that it was seen: the visitor of the session, the one
 * that the server names, or that of the conversation. A visitor that the server names becomes the visitor of an existing
 * conversation that has none, or whose visitor is anonymous.
 * @throws VisitorBlockedError; UnauthenticatedError if the session's visitor no longer exists; InvalidInputError if the
 * conversation belongs to another identified visitor.
 */
export async function resolveVisitor(
  trx: Queryable,
  { chatbot, conversation }: { chatbot: Chatbot; conversation: Conversation | undefined },
  { viewer, named, now }: { viewer: Pick<Viewer, 'session'>; named: NamedVisitor | undefined; now: number },
): Promise<Visitor | undefined> {
  const { session } = viewer;
  if (session?.conversationId === undefined && session) {
    const visitor = await lockSessionVisitor(trx, chatbot.accountId, session.visitorId);
    if (visitor.isBlocked) throw new VisitorBlockedError();
    return recordSeen(trx, visitor, now);
  }
  const present =
    conversation?.visitorId == null ? undefined : await lockVisitor(trx, chatbot.accountId, conversation.visitorId);
  const visitor = named === undefined ? present : await findNamedVisitor(trx, chatbot, named, { present, now });
  if (visitor === undefined) return undefined;
  if (visitor.isBlocked) throw new VisitorBlockedError();
  return recordSeen(trx, visitor, now);
}

/**
 * Locks the visitor of a session. Another gateway may have identified it just before.
 * @throws UnauthenticatedError if it no longer exists.
 */
export async function lockSessionVisitor(trx: Queryable, accountId: string, id: string): Promise<Visitor> {
  const visitor = await lockVisitor(trx, accountId, id);
  if (visitor !== undefined) return visitor;
  const joinedId = await findJoinedVisitorId(trx, accountId, id);
  const joined = joinedId === undefined ? undefined : await lockVisitor(trx, accountId, joinedId);
  if (joined === undefined) throw new UnauthenticatedError();
  return joined;
}

/** Records that a visitor was seen, unless that was recorded less than a minute ago. */
export async function recordSeen(trx: Queryable, visitor: Visitor, now: number): Promise<Visitor> {
  if (toTimestamp(now - SEEN_ACCURACY_MS) < visitor.lastSeenAt) return visitor;
  const seen = { ...visitor, lastSeenAt: toTimestamp(now) };
  await updateVisitor(trx, seen);
  return seen;
}

/**
 * Refuses a message in the conversation of a blocked visitor.
 * @throws VisitorBlockedError
 */
export async function requireUnblockedVisitor(
  trx: Queryable,
  { accountId, visitorId }: Pick<Conversation, 'accountId' | 'visitorId'>,
): Promise<void> {
  const visitor = visitorId === null ? undefined : await findVisitor(trx, accountId, visitorId);
  if (visitor?.isBlocked) throw new VisitorBlockedError();
}

/** Makes a visitor that of a locked conversation. */
export async function assignVisitor(
  trx: Queryable,
  conversation: Conversation,
  visitor: Visitor | undefined,
): Promise<Conversation> {
  if (visitor === undefined || conversation.visitorId === visitor.id) return conversation;
  const assigned = { ...conversation, visitorId: visitor.id };
  await updateConversation(trx, assigned);
  return assigned;
}

async function findNamedVisitor(
  trx: Queryable,
  { id: chatbotId, accountId }: Chatbot,
  { externalId, ...given }: NamedVisitor,
  { present, now }: { present: Visitor | undefined; now: number },
): Promise<Visitor> {
  const details = toDetails(given);
  const owner = { accountId, chatbotId };
  if (externalId == null) {
    return present ? changeDetails(trx, present, details) : createVisitor(trx, owner, details, toTimestamp(now));
  }
  if (present !== undefined && present.externalId !== null && present.externalId !== externalId) {
    throw new InvalidInputError([{ path: ['visitor'], message: 'The conversation belongs to another visitor.' }]);
  }
  return saveIdentifiedVisitor(trx, owner, { externalId, details }, toTimestamp(now));
}

/** Finds the visitor with an external id, locks it and updates its details; creates it if there is none. */
export async function saveIdentifiedVisitor(
  trx: Queryable,
  owner: { readonly accountId: string; readonly chatbotId: string },
  { externalId, details }: { readonly externalId: string; readonly details: VisitorDetails },
  at: Timestamp,
): Promise<Visitor> {
  const known = await lockVisitorByExternalId(trx, owner.accountId, owner.chatbotId, externalId);
  return known ? changeDetails(trx, known, details) : createVisitor(trx, owner, { ...details, externalId }, at);
}

/** Creates a visitor: an anonymous one without `externalId`. */
export async function createVisitor(
  trx: Queryable,
  { accountId, chatbotId }: { readonly accountId: string; readonly chatbotId: string },
  { externalId, name, email, customData }: VisitorDetails & { readonly externalId?: string },
  at: Timestamp,
): Promise<Visitor> {
  const visitor: Visitor = {
    id: createId('visitor'),
    ...{ accountId, chatbotId },
    externalId: externalId ?? null,
    name: name ?? null,
    email: email ?? null,
    customData: customData ?? toJson({}),
    isBlocked: false,
    firstSeenAt: at,
    lastSeenAt: at,
  };
  await insertVisitor(trx, visitor);
  return visitor;
}

/** Replaces the given details of a locked visitor, and keeps the others. */
export async function changeDetails(trx: Queryable, visitor: Visitor, details: VisitorDetails): Promise<Visitor> {
  const { name = visitor.name, email = visitor.email, customData = visitor.customData } = details;
  if (name === visitor.name && email === visitor.email && customData === visitor.customData) return visitor;
  const changed = { ...visitor, name, email, customData };
  await updateVisitor(trx, changed);
  return changed;
}

/** Locks a visitor of the account. @throws NotFoundError */
export async function getLockedVisitor(trx: Queryable, accountId: string, id: string | undefined): Promise<Visitor> {
  return requireFound('Visitor', id === undefined ? undefined : await lockVisitor(trx, accountId, id));
}

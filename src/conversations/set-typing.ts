import { z } from 'zod';
import type { Viewer } from '../access/viewer.ts';
import type { Deps } from '../deps.ts';
import type { Conversation, TypingRole } from '../domain/entities.ts';
import { InvalidInputError } from '../domain/errors.ts';
import { parseInput, singleLine } from '../domain/input.ts';
import { getConversation } from './handoff.ts';

/** A typing indicator of a conversation. */
export interface SetTypingInput {
  readonly conversationId: string;
  readonly isTyping: boolean;
  /** Absent: USER. */
  readonly role?: TypingRole | null | undefined;
  /** The name of the person who types, by default that of the member; only for AGENT. */
  readonly authorName?: string | null | undefined;
}

/**
 * Shows a typing indicator to the subscribers of a conversation, or hides it.
 * @throws NotFoundError, InvalidInputError
 */
export async function setTyping(
  deps: Pick<Deps, 'db' | 'typing'>,
  viewer: Pick<Viewer, 'accountId' | 'member'>,
  input: SetTypingInput,
): Promise<Conversation> {
  const { authorName } = parseInput(z.object({ authorName: singleLine(1, 255).optional() }), { ...input });
  const role = input.role ?? 'USER';
  if (authorName !== undefined && role !== 'AGENT') {
    throw new InvalidInputError([{ path: ['authorName'], message: 'Only for the role AGENT.' }]);
  }
  const conversation = await getConversation(deps.db.read, viewer.accountId, input.conversationId);
  const typist = authorName ?? (role === 'AGENT' ? (viewer.member?.name ?? undefined) : undefined);
  deps.typing.set(conversation, role, input.isTyping, typist);
  return conversation;
}

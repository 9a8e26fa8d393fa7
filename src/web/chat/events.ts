import {
  addCitation,
  addDelta,
  addMessage,
  hasEnded,
  type Message,
  removeMessage,
  updateMessage,
} from './conversation.ts';
import type { ConversationEvent } from './follow.ts';
import type { ChatState } from './store.ts';

/** The change of state for an event; undefined if the conversation must be reloaded. */
export function applyEvent(state: ChatState, event: ConversationEvent): Partial<ChatState> | undefined {
  const { messages } = state;
  switch (event.__typename) {
    case 'MessageCreated': {
      const { message, replaces } = event;
      // A new subscription starts with the unfinished reply, even if the page shows another branch.
      if (!message.isShown) return {};
      const added = addMessage(messages, message, replaces?.id);
      return { messages: added, ...(message.role === 'AGENT' && { isPersonTyping: false }) };
    }
    case 'MessageStarted':
    case 'MessageCompleted':
    case 'MessageFailed':
    case 'MessageStopped':
    case 'MessageInterrupted':
    case 'MessageUpdated':
    case 'FollowUpsSuggested':
      return { messages: updateMessage(messages, event.message) };
    case 'MessageDeleted':
      return { messages: removeMessage(messages, event.messageId) };
    case 'MessageDelta': {
      const updated = addDelta(messages, event);
      return updated && { messages: updated };
    }
    case 'CitationAdded':
      return { messages: addCitation(messages, event.messageId, event.citation) };
    case 'ConversationChanged':
      return event.conversation ? { conversation: event.conversation } : {};
    case 'TypingChanged':
      return event.role === 'AGENT' ? { isPersonTyping: event.isTyping } : {};
    case 'StreamReady':
    case 'BranchSelected':
    case 'StreamGap':
      return undefined;
    default:
      return {};
  }
}

/**
 * The screen reader announcement of a newly finished reply or a person's new message; undefined if there is neither,
 * and when the page first loads.
 */
export function describeChange(before: readonly Message[], after: readonly Message[]): string | undefined {
  if (before.length === 0) return undefined;
  const known = new Map(before.map((message) => [message.id, message]));
  const announcements = after.flatMap((message) => {
    const earlier = known.get(message.id);
    if (message.role === 'USER' || !hasEnded(message) || (earlier && hasEnded(earlier))) return [];
    if (message.role !== 'ASSISTANT') return [`${message.authorName ?? 'A person'} wrote: ${message.content}`];
    return [`${STATUS_PREFIXES[message.status] ?? 'Answer:'} ${message.content}`];
  });
  return announcements.at(-1);
}

const STATUS_PREFIXES: Partial<Record<Message['status'], string>> = {
  FAILED: 'The answer failed.',
  STOPPED: 'The answer was stopped.',
  INTERRUPTED: 'The answer was interrupted.',
};

import type { AccountPosition } from '../../src/conversations/account-position.ts';
import { writeAccountCursor, writeChatbotCursor, writeConversationCursor } from '../../src/streams/event-cursors.ts';
import { AccountRef } from '../accounts/viewer.ts';
import { builder } from '../builder.ts';
import { ChatbotRef } from '../chatbots/chatbot.ts';
import type { GraphContext } from '../context.ts';
import { CONTENT_SCOPES } from '../scopes.ts';
import { ConversationRef } from './conversation.ts';

builder.objectField(ConversationRef, 'eventCursor', (t) =>
  t.string({
    authScopes: CONTENT_SCOPES,
    sessions: true,
    description: `${describe('conversationEvents')} Needs \`READ\` or \`CHAT\`.`,
    resolve: (conversation, _args, context) =>
      writeConversationCursor(context.deps, conversation, requirePosition(context)),
  }),
);

builder.objectField(ChatbotRef, 'eventCursor', (t) =>
  t.string({
    authScopes: { READ: true },
    description: `${describe('chatbotEvents')} Needs \`READ\`.`,
    resolve: (chatbot, _args, context) => writeChatbotCursor(context.deps, chatbot, requirePosition(context)),
  }),
);

builder.objectField(AccountRef, 'eventCursor', (t) =>
  t.string({
    authScopes: { READ: true },
    description: `${describe('accountEvents')} Needs \`READ\`.`,
    resolve: ({ id }, _args, context) => writeAccountCursor(context.deps, id, requirePosition(context)),
  }),
);

function describe(subscription: string): string {
  return `The position for \`after\` of \`${subscription}\`. The gateway reads it before all other fields of the response, so the stream misses nothing that the response does not show, and may repeat what it shows.`;
}

function requirePosition({ position }: GraphContext): AccountPosition {
  if (position === undefined) throw new Error('The executor has not read the position for `eventCursor`.');
  return position;
}

import { MemberRef } from '../accounts/member.ts';
import { builder } from '../builder.ts';
import { ConversationRef, MessageRef } from './conversation.ts';

builder.objectField(ConversationRef, 'assignedMember', (t) =>
  t.field({
    type: MemberRef,
    nullable: true,
    authScopes: { READ: true },
    description:
      'The member assigned to the conversation; null if nobody is, or a person who is only named. Needs `READ`.',
    resolve: async ({ assignedMemberId }, _args, { loaders }) =>
      (assignedMemberId !== null && (await loaders.member.load(assignedMemberId))) || null,
  }),
);

builder.objectField(MessageRef, 'author', (t) =>
  t.field({
    type: MemberRef,
    nullable: true,
    authScopes: { READ: true },
    description:
      'The member who wrote an AGENT message; null if it was sent with an API key, and for other roles. Needs `READ`.',
    resolve: async ({ authorId }, _args, { loaders }) =>
      (authorId !== null && (await loaders.member.load(authorId))) || null,
  }),
);

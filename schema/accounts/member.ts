import { deactivateMember, reactivateMember } from '../../src/access/members.ts';
import { NotFoundError } from '../../src/domain/errors.ts';
import type { Member } from '../../src/domain/sign-in/member.ts';
import { builder } from '../builder.ts';
import { defineConnection } from '../connection.ts';
import { Node } from '../node.ts';

/** A person who signs in with tokens of an issuer. */
export const MemberRef = builder.objectRef<Member>('Member').implement({
  description:
    "A person of the account who signs in with tokens of the operator's OpenID Connect issuer. Created at the first request with a token.",
  interfaces: [Node],
  fields: (t) => ({
    name: t.exposeString('name', { nullable: true, description: 'The name in the last token; null if it had none.' }),
    email: t.exposeString('email', {
      nullable: true,
      description: 'The e-mail address in the last token; null if it had none.',
    }),
    isActive: t.exposeBoolean('isActive', {
      description: 'False after `deactivateMember`: requests with tokens of the member are then refused.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'The time of the first request.' }),
  }),
});

/** A page of members. */
export const MemberConnection = defineConnection(MemberRef);

const memberId = { required: true, description: 'The id of the member.' } as const;

builder.relayMutationField(
  'deactivateMember',
  {
    description: 'The member to deactivate.',
    inputFields: (t) => ({ id: t.id(memberId) }),
  },
  {
    description:
      'Ends the access of a member: requests with tokens of the member receive 401, and WebSockets and streams end, on all gateways within 2 seconds. Messages and conversations keep the member. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ member: await deactivateMember(deps, viewer, input) }),
  },
  {
    description: 'The deactivated member.',
    outputFields: (t) => ({ member: t.expose('member', { type: MemberRef, description: 'The member.' }) }),
  },
);

builder.relayMutationField(
  'reactivateMember',
  {
    description: 'The member to reactivate.',
    inputFields: (t) => ({ id: t.id(memberId) }),
  },
  {
    description:
      'Lets a deactivated member sign in again, with tokens that are still valid or new ones. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError] },
    resolve: async (_root, { input }, { deps, viewer }) => ({ member: await reactivateMember(deps, viewer, input) }),
  },
  {
    description: 'The reactivated member.',
    outputFields: (t) => ({ member: t.expose('member', { type: MemberRef, description: 'The member.' }) }),
  },
);

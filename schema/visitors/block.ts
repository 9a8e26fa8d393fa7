import { InvalidInputError, NotFoundError } from '../../src/domain/errors.ts';
import { toTimestamp } from '../../src/domain/time.ts';
import { type AddressBlock, listAddressBlocks } from '../../src/store/visitors/access-state.ts';
import { blockVisitor, MAX_ADDRESS_BLOCKS } from '../../src/visitors/block-visitor.ts';
import { AccountRef } from '../accounts/viewer.ts';
import { builder, type FieldExtensions } from '../builder.ts';
import { VisitorRef } from './visitor.ts';

const AddressBlockRef = builder.objectRef<AddressBlock>('AddressBlock').implement({
  description: 'A network that may not use sessions of the account for a while.',
  fields: (t) => ({
    network: t.exposeString('network', {
      description: 'The blocked network: an IPv4 address, or the first 64 bits of an IPv6 address.',
    }),
    until: t.expose('until', { type: 'DateTime', description: 'The time when the block ends.' }),
  }),
});

builder.objectField(AccountRef, 'addressBlocks', (t) =>
  t.field({
    type: [AddressBlockRef],
    authScopes: { MANAGE: true },
    description: `The networks that are blocked now; at most ${MAX_ADDRESS_BLOCKS}. Those whose block ends last come first. Needs \`MANAGE\`.`,
    extensions: { listSize: () => MAX_ADDRESS_BLOCKS } satisfies FieldExtensions,
    resolve: ({ id }, _args, { deps }) =>
      listAddressBlocks(deps.db.read, id, toTimestamp(deps.clock.now()), MAX_ADDRESS_BLOCKS),
  }),
);

builder.relayMutationField(
  'blockVisitor',
  {
    description: 'The visitor or the address to block, or to unblock. Exactly one of `id` and `address` is required.',
    inputFields: (t) => ({
      id: t.id({ description: 'The id of the visitor.' }),
      address: t.string({
        description: 'The IP address. Blocking an IPv6 address blocks all addresses with the same first 64 bits.',
      }),
      until: t.field({
        type: 'DateTime',
        description: 'The end of the block of an address, at most 90 days ahead; required to block one.',
      }),
      isBlocked: t.boolean({ defaultValue: true, description: 'False ends the block.' }),
    }),
  },
  {
    description:
      'Blocks a visitor: the sessions of the visitor end, and messages in the conversations of the visitor are refused with `VisitorBlockedError`, also those that a server sends. Or blocks an address for a while: sessions of the account cannot be used from its network. Both take effect within 2 seconds. A reply that is being written continues. Needs `MANAGE`.',
    authScopes: { MANAGE: true },
    errors: { types: [NotFoundError, InvalidInputError] },
    resolve: (_root, { input }, { deps, viewer }) => blockVisitor(deps, viewer, input),
  },
  {
    description: 'The visitor or the address, blocked or unblocked.',
    outputFields: (t) => ({
      visitor: t.expose('visitor', {
        type: VisitorRef,
        nullable: true,
        description: 'The visitor after the change; null if the input names an address.',
      }),
      addressBlock: t.expose('addressBlock', {
        type: AddressBlockRef,
        nullable: true,
        description: 'The block of the address; null if a block was ended, or if the input names a visitor.',
      }),
    }),
  },
);

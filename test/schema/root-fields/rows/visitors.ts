import type { Row } from '../row.ts';

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
    ids: { id: { kind: 'visitor' } },
  },
];

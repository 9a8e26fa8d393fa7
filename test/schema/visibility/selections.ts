import {
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLObjectType,
  getNamedType,
  isAbstractType,
  isLeafType,
  isObjectType,
} from 'graphql';
import { schema } from '../../../schema/index.ts';
import { type Args, ROOT_FIELDS, rootFieldOf } from '../root-fields/row.ts';

/** Whether a viewer may select a field of an object type. */
export type Allows = (type: string, field: string) => boolean;

/** A type at the end of a shortest path of allowed fields. */
export interface Place {
  readonly type: GraphQLObjectType;
  /** The root field at the start of the path. */
  readonly root: string;
  /** The text around a selection from the type, inside the selection of the root field. */
  readonly open: string;
  readonly close: string;
}

/** Finds every object type that a viewer can reach, at the end of one of the shortest paths to it. */
export function findPlaces(allows: Allows): readonly Place[] {
  const places = new Map<string, Place>();
  const queue: Place[] = [];
  /** The places behind `Node` come last, because an object of another type is never there. */
  const ofNode: Place[] = [];
  const reach = (output: GraphQLNamedType, from: Omit<Place, 'type'>) => {
    if (isObjectType(output)) queue.push({ ...from, type: output });
    if (!isAbstractType(output)) return;
    for (const type of schema.getPossibleTypes(output)) {
      const place = { ...from, type, open: `${from.open} ... on ${type.name} {`, close: `} ${from.close}` };
      (output.name === 'Node' ? ofNode : queue).push(place);
    }
  };
  for (const [root, { kind, definition }] of ROOT_FIELDS) {
    if (allows(kind.charAt(0).toUpperCase() + kind.slice(1), root))
      reach(getNamedType(definition.type), { root, open: '', close: '' });
  }
  for (let place = queue.shift() ?? ofNode.shift(); place; place = queue.shift() ?? ofNode.shift()) {
    const { type, root, open, close } = place;
    if (places.has(type.name)) continue;
    places.set(type.name, place);
    for (const field of Object.values(type.getFields())) {
      const output = getNamedType(field.type);
      if (allows(type.name, field.name) && !isLeafType(output))
        reach(output, { root, open: `${open} ${callOf(field)} {`, close: `} ${close}` });
    }
  }
  return [...places.values()];
}

/** A field with the smallest page, if it is a list with pages. */
const callOf = ({ name, args }: GraphQLField<unknown, unknown>) =>
  args.some((argument) => argument.name === 'first') ? `${name}(first: 1)` : name;

/** The selection of fields of a type, at its place. */
export function selectAt({ type, open, close }: Place, fields: readonly string[]): string {
  const selections = fields.map((name) => {
    const field = type.getFields()[name];
    if (field === undefined) throw new Error(`There is no ${type.name}.${name}.`);
    return isLeafType(getNamedType(field.type)) ? name : `${callOf(field)} { __typename }`;
  });
  return `${open} __typename ${selections.join(' ')} ${close}`;
}

/** An operation with one root field, with a variable for each of its arguments, and these selections from it. */
export function operationWith(root: string, selections: readonly string[]): string {
  const { kind, definition } = rootFieldOf(root);
  const variables = definition.args.map(({ name, type }) => `$${name}: ${type}`).join(', ');
  const args = definition.args.map(({ name }) => `${name}: $${name}`).join(', ');
  return `${kind} ${variables && `(${variables})`} { ${root}${args && `(${args})`} { __typename ${selections.join(' ')} } }`;
}

/** An operation with several root fields of one kind, and its variables from those of an operation for each of them. */
export function operationOfMany(roots: ReadonlyMap<string, Args>): { query: string; variables: Args } {
  const fields = [...roots].map(([root, values]) => ({ root, values, ...rootFieldOf(root) }));
  const args = fields.flatMap(({ root, values, definition }) =>
    definition.args.map(({ name, type }) => ({
      text: `$${root}_${name}: ${type}`,
      key: `${root}_${name}`,
      value: values[name],
    })),
  );
  const calls = fields.map(({ root, definition }) => {
    const given = definition.args.map(({ name }) => `${name}: $${root}_${name}`).join(', ');
    return `${root}${given && `(${given})`} { __typename }`;
  });
  const declared = args.map(({ text }) => text).join(', ');
  return {
    query: `${fields[0]?.kind} ${declared && `(${declared})`} { ${calls.join(' ')} }`,
    variables: Object.fromEntries(args.map(({ key, value }) => [key, value])),
  };
}

import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLSchema,
  getArgumentValues,
  getNamedType,
  isCompositeType,
  isInterfaceType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  SchemaMetaFieldDef,
  type SelectionSetNode,
  TypeMetaFieldDef,
} from 'graphql';
import { QueryTooComplexError } from '../domain/errors.ts';

/** How large an operation may be. They are what keeps the gateway up: one query of 300 bytes can ask for billions of items. */
export const QUERY_LIMITS = {
  nesting: 50,
  tokens: 1_000,
  depth: 15,
  aliases: 30,
  rootFields: 20,
  directives: 10,
  cost: 10_000,
} as const;

/**
 * Refuses a document whose brackets are nested too deep, in one pass and before it is parsed: the parser is recursive
 * and would exhaust the stack, on a process just started at fewer than 2,000 brackets.
 * @throws QueryTooComplexError
 */
export function checkNesting(source: string): void {
  let depth = 0;
  for (let i = 0; i < source.length; i++) {
    switch (source.charCodeAt(i)) {
      case 0x23: // #
        i = endOfLine(source, i);
        break;
      case 0x22: // "
        i = endOfString(source, i);
        break;
      case 0x28: // (
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > QUERY_LIMITS.nesting) throw tooComplex('nesting', QUERY_LIMITS.nesting);
        break;
      case 0x29: // )
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
        break;
    }
  }
}

function endOfLine(source: string, start: number): number {
  let i = start;
  while (i < source.length && source[i] !== '\n' && source[i] !== '\r') i++;
  return i;
}

function endOfString(source: string, start: number): number {
  const isBlock = source.startsWith('"""', start);
  for (let i = start + (isBlock ? 3 : 1); i < source.length; i++) {
    if (isBlock) {
      if (source.startsWith('\\"""', i)) i += 3;
      else if (source.startsWith('"""', i)) return i + 2;
    } else {
      const char = source[i];
      if (char === '\\') i++;
      else if (char === '"' || char === '\n') return i;
    }
  }
  return source.length;
}

/** Sums over a selection. */
interface Size {
  readonly depth: number;
  readonly aliases: number;
  readonly directives: number;
  readonly cost: number;
}

const NOTHING: Size = { depth: 0, aliases: 0, directives: 0, cost: 0 };

/**
 * Measures a validated operation and refuses it where it is too large. An object costs 1 and what is asked of it, a list
 * as many times that as it may have items, and some fields a fixed cost besides; plain values are free. The schema's own fields (`__schema`, `__type`) cost
 * nothing and have no depth.
 * @throws QueryTooComplexError
 */
export function measureOperation(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): void {
  const root = schema.getRootType(operation.operation);
  if (root == null) return;
  const size = new Ruler(schema, document, variables).measure(operation.selectionSet, root);
  requireAtMost('depth', size.depth, QUERY_LIMITS.depth);
  requireAtMost('number of aliases', size.aliases, QUERY_LIMITS.aliases);
  requireAtMost('number of directives', size.directives + (operation.directives?.length ?? 0), QUERY_LIMITS.directives);
  requireAtMost('number of root fields', rootFieldsOf(document, operation).length, QUERY_LIMITS.rootFields);
  requireAtMost('cost', size.cost, QUERY_LIMITS.cost);
}

/**
 * The names of the fields at the root of an operation, its fragments written out; repeated as often as selected. The
 * document need not be valid: each fragment is looked at once, however often it is spread, also by itself.
 * @throws QueryTooComplexError where fragments multiply them beyond the limit.
 */
export function rootFieldsOf(document: DocumentNode, operation: OperationDefinitionNode): string[] {
  const known = new Map<string, string[]>();
  const namesIn = ({ selections }: SelectionSetNode): string[] => {
    const names = selections.flatMap((selection) => {
      if (selection.kind === Kind.FIELD) return [selection.name.value];
      return selection.kind === Kind.INLINE_FRAGMENT ? namesIn(selection.selectionSet) : namesOf(selection.name.value);
    });
    requireAtMost('number of root fields', names.length, QUERY_LIMITS.rootFields);
    return names;
  };
  const namesOf = (name: string): string[] => {
    const found = known.get(name);
    if (found !== undefined) return found;
    known.set(name, []);
    const fragment = fragmentOf(document, name);
    const names = fragment === undefined ? [] : namesIn(fragment.selectionSet);
    known.set(name, names);
    return names;
  };
  return namesIn(operation.selectionSet);
}

function fragmentOf(document: DocumentNode, name: string): FragmentDefinitionNode | undefined {
  return document.definitions.find(
    (definition) => definition.kind === Kind.FRAGMENT_DEFINITION && definition.name.value === name,
  ) as FragmentDefinitionNode | undefined;
}

class Ruler {
  readonly #schema: GraphQLSchema;
  readonly #document: DocumentNode;
  readonly #variables: Readonly<Record<string, unknown>>;
  /** Each fragment is measured once, however often it is spread: fragments of fragments would else take for ever. */
  readonly #measured = new Map<string, Size>();

  constructor(schema: GraphQLSchema, document: DocumentNode, variables: Readonly<Record<string, unknown>>) {
    this.#schema = schema;
    this.#document = document;
    this.#variables = variables;
  }

  measure(selections: SelectionSetNode, parent: GraphQLCompositeType): Size {
    let size = NOTHING;
    for (const selection of selections.selections) {
      let part: Size;
      if (selection.kind === Kind.FIELD) part = this.#measureField(selection, parent);
      else if (selection.kind === Kind.INLINE_FRAGMENT) {
        part = this.measure(selection.selectionSet, this.#typeNamed(selection.typeCondition?.name.value) ?? parent);
      } else part = this.#measureFragment(selection.name.value);
      size = {
        depth: Math.max(size.depth, part.depth),
        aliases: size.aliases + part.aliases,
        directives: size.directives + part.directives + (selection.directives?.length ?? 0),
        cost: size.cost + part.cost,
      };
    }
    return size;
  }

  #measureField(node: FieldNode, parent: GraphQLCompositeType): Size {
    const aliases = node.alias === undefined ? 0 : 1;
    const field = fieldOf(parent, node.name.value);
    // __typename
    if (field === undefined) return { depth: 1, aliases, directives: 0, cost: 0 };
    const type = getNamedType(field.type);
    const inner =
      node.selectionSet !== undefined && isCompositeType(type) ? this.measure(node.selectionSet, type) : NOTHING;
    const sums = { aliases: inner.aliases + aliases, directives: inner.directives };
    // What may be asked of the schema is bounded by itself and by validation, unless aliases multiply it.
    if (field === SchemaMetaFieldDef || field === TypeMetaFieldDef) return { ...sums, depth: 1, cost: 0 };
    return {
      ...sums,
      depth: inner.depth + 1,
      cost: node.selectionSet === undefined ? 0 : 1 + this.#costOf(field, node, inner.cost),
    };
  }

  #measureFragment(name: string): Size {
    const known = this.#measured.get(name);
    if (known !== undefined) return known;
    const fragment = fragmentOf(this.#document, name);
    const type = this.#typeNamed(fragment?.typeCondition.name.value);
    const size = fragment && type ? this.measure(fragment.selectionSet, type) : NOTHING;
    this.#measured.set(name, size);
    return size;
  }

  #costOf(field: GraphQLField<unknown, unknown>, node: FieldNode, inner: number): number {
    const { listSize, fixedCost } = field.extensions;
    if (typeof listSize !== 'function') return Math.max(1, inner);
    const args = getArgumentValues(field, node, this.#variables);
    const own = typeof fixedCost === 'function' ? fixedCost(args) : 0;
    return own + Math.max(0, listSize(args)) * Math.max(1, inner);
  }

  #typeNamed(name: string | undefined): GraphQLCompositeType | undefined {
    const type = name === undefined ? undefined : this.#schema.getType(name);
    return isCompositeType(type) ? type : undefined;
  }
}

function fieldOf(type: GraphQLCompositeType, name: string): GraphQLField<unknown, unknown> | undefined {
  if (name === SchemaMetaFieldDef.name) return SchemaMetaFieldDef;
  if (name === TypeMetaFieldDef.name) return TypeMetaFieldDef;
  return isObjectType(type) || isInterfaceType(type) ? type.getFields()[name] : undefined;
}

function requireAtMost(what: string, size: number, limit: number): void {
  if (size > limit) throw tooComplex(what, limit);
}

/** Says which limit an operation exceeds. */
export function tooComplex(what: string, limit: number): QueryTooComplexError {
  return new QueryTooComplexError(`The query is too complex: its ${what} may be at most ${limit}.`);
}

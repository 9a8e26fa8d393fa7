import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  parse,
  type Source,
} from 'graphql';
import { webhookSchema } from '../../schema/index.ts';
import { QueryTooComplexError, RefusalError } from '../domain/errors.ts';

/** The limits of an operation. They protect the gateway: a query of 300 bytes can select billions of items. */
export const QUERY_LIMITS = {
  nesting: 50,
  tokens: 1_000,
  depth: 15,
  aliases: 30,
  rootFields: 20,
  directives: 10,
  cost: 10_000,
  mutationBytes: 10_000_000,
} as const;

/**
 * Parses a document of bounded size.
 * @throws QueryTooComplexError; GraphQLError for invalid GraphQL.
 */
export function parseWithinLimits(source: string | Source): DocumentNode {
  checkNesting(typeof source === 'string' ? source : source.body);
  try {
    return parse(source, { maxTokens: QUERY_LIMITS.tokens });
  } catch (error) {
    if (error instanceof RangeError) throw tooComplexError('nesting', QUERY_LIMITS.nesting);
    if (error instanceof GraphQLError && isTokenLimitError(error)) {
      throw tooComplexError('number of tokens', QUERY_LIMITS.tokens);
    }
    if (error instanceof GraphQLError) throw withParseCode(error);
    throw error;
  }
}

/** An operation of a webhook document, with the schema against which it runs. */
interface WebhookOperation {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
}

/**
 * Parses a webhook document that is an argument of a field. Returns its subscriptions; none for an invalid document,
 * because the resolver will refuse it, as it refuses queries and mutations.
 */
export function parseWebhookDocument(text: unknown): WebhookOperation[] {
  if (typeof text !== 'string') return [];
  try {
    const document = parseWithinLimits(text);
    return document.definitions
      .filter((definition) => definition.kind === Kind.OPERATION_DEFINITION)
      .filter(({ operation }) => operation === OperationTypeNode.SUBSCRIPTION)
      .map((operation) => ({ schema: webhookSchema, document, operation }));
  } catch (error) {
    if (error instanceof RefusalError || error instanceof GraphQLError) return [];
    throw error;
  }
}

/** Creates the error for an exceeded limit; `size` is absent if counting stopped at the limit. */
export function tooComplexError(
  quantity: string,
  limit: number,
  { size = limit + 1, parts = [] }: { size?: number; parts?: QueryTooComplexError['parts'] } = {},
): QueryTooComplexError {
  const message = `The query is too complex: its ${quantity} may be at most ${limit}.`;
  return new QueryTooComplexError(message, { cost: size, limit, parts });
}

/**
 * Refuses a document with brackets nested too deep, in one pass before parsing: the parser is recursive and would
 * exhaust the stack. In a process that has just started, fewer than 2,000 nested brackets are enough for that.
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
        if (++depth > QUERY_LIMITS.nesting) throw tooComplexError('nesting', QUERY_LIMITS.nesting);
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

/**
 * Whether the parser stopped at its token limit, which only the message shows. The message of graphql-js has a typo,
 * `that` for `than`, which a later version may correct.
 */
function isTokenLimitError({ message }: GraphQLError): boolean {
  return /^Syntax Error: Document contains more tha[tn] \d+ tokens/.test(message);
}

function withParseCode(error: GraphQLError): GraphQLError {
  Object.assign(error.extensions, { code: 'GRAPHQL_PARSE_FAILED', http: { status: 400, spec: true } });
  return error;
}

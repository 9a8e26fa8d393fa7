import { type GraphQLField, type GraphQLLeafType, getNamedType, isLeafType } from 'graphql';

/** The text fields of at most one line. All other text fields count as large, including fields that are added later. */
const SHORT_TEXT_FIELDS: ReadonlySet<string> = new Set([
  'assignee',
  'authorName',
  'baseUrl',
  'code',
  'cursor',
  'day',
  'defaultModel',
  'email',
  'endCursor',
  'key',
  'keyEnding',
  'label',
  'model',
  'month',
  'name',
  'phone',
  'prefix',
  'provider',
  'scopes',
  'secret',
  'sessionId',
  'slug',
  'startCursor',
  'title',
  'url',
  'wireName',
]);

/** The maximum bytes of a text or a JSON value, by field name; the rules for stored values allow no more. */
const MAX_BYTES: Readonly<Record<string, number>> = {
  content: 200_000,
  reasoning: 200_000,
  payload: 1_000_000,
  text: 8_000,
  quote: 2_000,
  instructions: 32_000,
  document: 10_000,
  fallbackMessage: 2_000,
  handoffMessage: 2_000,
  notice: 2_000,
  escalationReason: 1_000,
  disabledReason: 1_000,
  response: 1_024,
  description: 1_000,
  message: 1_000,
  detail: 1_000,
  error: 1_000,
  reason: 1_000,
  query: 32_000,
  headerNames: 4_000,
  headingPath: 2_000,
  followUps: 1_000,
};
const DEFAULT_BYTES = 16_384;
const SHORT_BYTES = 512;
const NON_TEXT_BYTES = 48;

type Field = Pick<GraphQLField<unknown, unknown>, 'name' | 'type'>;

/** Whether the value of a field can be large. Each further alias of a large field has an extra cost. */
export function isLarge(field: Field): boolean {
  const { name } = getNamedType(field.type);
  return name === 'JSON' || (name === 'String' && !SHORT_TEXT_FIELDS.has(field.name));
}

/** The maximum bytes of a leaf field's value in a response, not counting JSON escapes. */
export function maxBytesOf(field: Field): number {
  if (isLarge(field)) return MAX_BYTES[field.name] ?? DEFAULT_BYTES;
  const type = getNamedType(field.type);
  return isLeafType(type) && isString(type) ? SHORT_BYTES : NON_TEXT_BYTES;
}

const isString = ({ name }: GraphQLLeafType) => name === 'String';

import {
  defaultFieldResolver,
  type GraphQLNamedType,
  getNamedType,
  isEnumType,
  isNonNullType,
  isObjectType,
} from 'graphql';

/**
 * The enums whose values are stored. During an update, a newer gateway on the same database may store values that this
 * one does not know. A nullable field is then null, a list lacks them, and any other field has this value instead. It
 * promises least: an unknown status is no success, and nothing is more urgent than usual.
 */
export const SUBSTITUTES: Readonly<Record<string, string | undefined>> = {
  Channel: 'API',
  ChatbotTool: undefined,
  ConversationChange: undefined,
  ConversationPriority: 'NORMAL',
  ConversationStatus: 'OPEN',
  DeliveryStatus: 'PENDING',
  FinishReason: undefined,
  Grounding: 'STRICT',
  MessageRole: 'SYSTEM',
  MessageStatus: 'INTERRUPTED',
  Rating: undefined,
  ReplyErrorCode: 'ANSWER_FAILED',
  ReplyOutcome: undefined,
  SourceStatus: 'FAILED',
  SourceType: 'TEXT',
  WebhookEventType: undefined,
  WebhookSchedule: 'SHORT',
};

/** Makes the fields of object types accept stored values that their enums lack: see `SUBSTITUTES`. */
export function acceptUnknownValues(types: readonly GraphQLNamedType[]): void {
  for (const field of types.filter(isObjectType).flatMap((type) => Object.values(type.getFields()))) {
    const type = getNamedType(field.type);
    if (!isEnumType(type) || !(type.name in SUBSTITUTES)) continue;
    const known = new Set<unknown>(type.getValues().map(({ value }) => value));
    const substitute = SUBSTITUTES[type.name] ?? null;
    const replace = (value: unknown) => {
      if (Array.isArray(value)) return value.filter((each) => known.has(each));
      if (value == null || known.has(value)) return value;
      return isNonNullType(field.type) ? substitute : null;
    };
    const { resolve = defaultFieldResolver } = field;
    field.resolve = (...args) => {
      const value = resolve(...args);
      return value instanceof Promise ? value.then(replace) : replace(value);
    };
  }
}

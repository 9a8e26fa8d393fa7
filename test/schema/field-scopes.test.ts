import {
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  getOperationAST,
  getVariableValues,
  isAbstractType,
  isInterfaceType,
  isObjectType,
  parse,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema, webhookSchema } from '../../schema/index.ts';
import { scopesOf } from '../../schema/scopes.ts';
import { SCOPES, type Scope } from '../../src/domain/entities.ts';
import { ForbiddenError } from '../../src/domain/errors.ts';
import { hasScopes, requireScopes } from '../../src/http/scopes.ts';

const WEBHOOK_TYPES = [
  ...['LeadCapturedWebhook', 'ConversationStartedWebhook', 'MessageReceivedWebhook', 'ConversationEscalatedWebhook'],
  ...['MessageCompletedWebhook', 'MessageFailedWebhook', 'MessageRatedWebhook', 'ConversationAssignedWebhook'],
  ...[
    'ConversationClosedWebhook',
    'HandoffEndedWebhook',
    'SourceDoneWebhook',
    'SourceFailedWebhook',
    'QuotaWarningWebhook',
  ],
  ...['WebhookDisabledWebhook', 'WebhookPayload'],
];

/** The fields by required scopes. If there are several scopes, one of them is enough. All other fields require none. */
const FIELDS_BY_SCOPES: Readonly<Record<string, readonly string[]>> = {
  READ: [
    ...['Query.search', 'Query.conversations', 'Account.inbox', 'Subscription.accountEvents'],
    ...['Subscription.chatbotEvents', 'Account.eventCursor', 'Chatbot.eventCursor'],
    ...['Account.members', 'Conversation.assignedMember', 'Message.author'],
    ...['Query.lead', 'Query.leads', 'Query.source', 'Conversation.leads'],
    ...['activities', 'labels', 'priority', 'snoozedUntil'].map((name) => `Conversation.${name}`),
    ...['Chatbot.conversations', 'Chatbot.leads', 'Chatbot.sources', 'Source.passages'],
    ...['Chatbot.visitors', 'Visitor.leads'],
    ...['WebhookAttempt.response', 'WebhookDelivery.payload'],
    ...WEBHOOK_TYPES.flatMap((type) => [`${type}.chatbot`, `${type}.data`]),
    ...WEBHOOK_TYPES.filter((type) => /^(Conversation|Handoff|Lead|Message)/.test(type)).map(
      (type) => `${type}.conversation`,
    ),
    ...WEBHOOK_TYPES.filter((type) => /^Message/.test(type)).map((type) => `${type}.message`),
    ...['LeadCapturedWebhook.lead', 'SourceDoneWebhook.source', 'SourceFailedWebhook.source'],
  ],
  'READ CHAT': [
    ...['node', 'nodes', 'chatbot', 'chatbots', 'conversation', 'message'].map((name) => `Query.${name}`),
    ...[
      'escalationReason',
      'eventCursor',
      'lastMessage',
      'lastVisitorMessage',
      'messages',
      'metadata',
      'sessionId',
      'visitor',
    ].map((name) => `Conversation.${name}`),
    ...['citations', 'confidence', 'content', 'followUps', 'metadata', 'outcome', 'parent', 'rating'].map(
      (name) => `Message.${name}`,
    ),
    ...['ratingComment', 'reasoning', 'replies', 'siblings'].map((name) => `Message.${name}`),
    ...['customData', 'email', 'name', 'phone'].map((name) => `Lead.${name}`),
    ...['conversations', 'customData', 'email', 'externalId', 'name'].map((name) => `Visitor.${name}`),
    'Passage.text',
    ...['Subscription.conversationEvents', 'Subscription.messageStream'],
  ],
  'READ MANAGE': [
    ...['Chatbot.persistedOnly', 'Chatbot.sessionOperations', 'Chatbot.sessionLimits', 'Account.operationManifests'],
    ...['allowedOrigins', 'answering', 'identity', 'instructions', 'isPublic', 'metadata', 'model', 'provider'].map(
      (name) => `Chatbot.${name}`,
    ),
    ...['Message.generation', 'Query.estimateMessage', 'Query.providers'],
    ...[
      'Usage.days',
      'Usage.top',
      'Usage.priceUsd',
      'UsageCounts.priceUsd',
      'UsageDay.priceUsd',
      'UsageShare.priceUsd',
    ],
  ],
  CHAT: [
    ...['captureLead', 'editMessage', 'rateMessage', 'regenerateMessage', 'selectBranch', 'sendMessage', 'stopMessage'],
    ...['createSessionToken', 'identifyVisitor'],
  ].map((name) => `Mutation.${name}`),
  'CHAT MANAGE': [
    ...['closeConversation', 'escalateConversation', 'markConversationRead', 'revokeSessionToken', 'setTyping'],
  ].map((name) => `Mutation.${name}`),
  MANAGE: [
    ...[
      ...['assignConversation', 'handBackConversation', 'takeOverConversation'],
      ...['sendAgentMessage', 'updateAgentMessage', 'deleteMessage', 'updateConversations', 'updateLead'],
      ...['updateVisitor', 'blockVisitor', 'rotateIdentitySecret'],
      ...[
        'createApiKey',
        'updateApiKey',
        'revokeApiKey',
        'pushOperations',
        'retireOperations',
        'createChatbot',
        'updateChatbot',
        'deleteChatbot',
      ],
      ...['deactivateMember', 'reactivateMember'],
      ...['createSource', 'deleteSource', 'setProviderKey', 'setRateLimit', 'deleteProviderKey', 'testProvider'],
      ...['createWebhookSubscription', 'updateWebhookSubscription', 'deleteWebhookSubscription'],
      ...['rotateWebhookSecret', 'sendTestWebhook', 'redeliverWebhook', 'replayWebhooks'],
    ].map((name) => `Mutation.${name}`),
    ...['dryRunWebhook', 'webhookEvents', 'webhookSubscription', 'webhookSubscriptions'].map((name) => `Query.${name}`),
    ...['Subscription.quotaWarnings', 'Subscription.webhookDeliveries'],
    ...['Account.addressBlocks', 'Account.apiKeys', 'Usage.warnings', 'UsageShare.apiKey', 'MessageError.detail'],
  ],
};
const scopesByField = new Map(
  Object.entries(FIELDS_BY_SCOPES).flatMap(([scopes, fields]) =>
    fields.map((field) => [field, scopes.split(' ')] as const),
  ),
);
const SCOPE_SUBSETS = Array.from({ length: 2 ** SCOPES.length }, (_, bits) =>
  SCOPES.filter((_scope, i) => bits & (1 << i)),
);

/** The path to a field: the fields from the root to it, and a document that selects it. */
interface FieldPath {
  readonly fields: readonly string[];
  readonly document: string;
}

/** Arguments of the fields whose arguments may need scopes, with the scopes of which these values need one. */
const ARGUMENTS: Readonly<Record<string, { readonly text: string; readonly scopes: readonly Scope[] }>> = {
  markConversationRead: { text: '(input: { id: "1" })', scopes: ['MANAGE'] },
  setTyping: { text: '(input: { conversationId: "1", isTyping: true, role: AGENT })', scopes: ['MANAGE'] },
  createWebhookSubscription: {
    text: '(input: { url: "https://hooks.example.com", events: [QUOTA_WARNING] })',
    scopes: SCOPES,
  },
  updateWebhookSubscription: { text: '(input: { id: "1" })', scopes: SCOPES },
};

/** A field of a root type of one of the two schemas. */
interface RootField {
  readonly graph: GraphQLSchema;
  readonly kind: 'query' | 'mutation' | 'subscription';
  readonly type: GraphQLObjectType;
  readonly name: string;
}

/** Yields the shortest path to every field of every type that can be reached from a root field. */
function* pathsFrom({ graph, kind, type: root, name }: RootField): Generator<FieldPath> {
  type Position = { type: GraphQLNamedType; fields: string[]; open: string; close: string };
  const rootField = root.getFields()[name];
  if (rootField === undefined) throw new Error(`There is no ${name}.`);
  const queue: Position[] = [];
  const visited = new Set<GraphQLNamedType>();
  const enter = (position: Position) => {
    if (visited.has(position.type)) return;
    visited.add(position.type);
    queue.push(position);
  };
  const call = `${name}${ARGUMENTS[name]?.text ?? ''}`;
  const start = { fields: [`${root.name}.${name}`], open: `${kind} { ${call} {`, close: '} }' };
  yield { fields: start.fields, document: `${kind} { ${call} { __typename } }` };
  enter({ ...start, type: getNamedType(rootField.type) });
  for (let position = queue.shift(); position !== undefined; position = queue.shift()) {
    const { type, fields, open, close } = position;
    if (isAbstractType(type)) {
      for (const member of graph.getPossibleTypes(type)) {
        enter({ type: member, fields, open: `${open} ... on ${member.name} {`, close: `} ${close}` });
      }
    }
    if (!isObjectType(type) && !isInterfaceType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      const target = getNamedType(field.type);
      const hasFields = isAbstractType(target) || isObjectType(target);
      const path = [...fields, `${type.name}.${field.name}`];
      yield { fields: path, document: `${open} ${field.name} ${hasFields ? '{ __typename }' : ''} ${close}` };
      if (hasFields) enter({ type: target, fields: path, open: `${open} ${field.name} {`, close: `} ${close}` });
    }
  }
}

/** Whether an operation is allowed with these scopes, but with no smaller set of scopes. */
function isSmallestSufficient(scopes: readonly Scope[], operation: Parameters<typeof hasScopes>[0]): boolean {
  const smaller = SCOPE_SUBSETS.filter(({ length }) => length < scopes.length);
  return hasScopes(operation, new Set(scopes)) && !smaller.some((set) => hasScopes(operation, new Set(set)));
}

const ROOTS = (
  [
    [schema, 'query', schema.getQueryType()],
    [schema, 'mutation', schema.getMutationType()],
    [schema, 'subscription', schema.getSubscriptionType()],
    [webhookSchema, 'subscription', webhookSchema.getSubscriptionType()],
  ] as const
).flatMap(([graph, kind, type]): RootField[] =>
  type ? Object.keys(type.getFields()).map((name) => ({ graph, kind, type, name })) : [],
);

describe('the table of fields by scopes', () => {
  it('contains the scopes of every field', () => {
    const all = Object.values({ ...webhookSchema.getTypeMap(), ...schema.getTypeMap() });
    const types = all.filter((type) => isObjectType(type) || isInterfaceType(type));
    const found = types.flatMap((type) =>
      Object.values(type.getFields()).flatMap((field) => {
        const scopes = scopesOf(field);
        return scopes.length > 0 ? [[`${type.name}.${field.name}`, scopes.join(' ')]] : [];
      }),
    );
    const table = [...scopesByField].map(([field, scopes]) => [field, scopes.join(' ')]);
    expect(found.toSorted()).toEqual(table.toSorted());
  });

  it.each(ROOTS)('is enforced for every field below $kind $name, for any set of scopes', (root) => {
    const wrong: unknown[] = [];
    for (const { fields, document } of pathsFrom(root)) {
      const parsed = parse(document, { noLocation: true });
      const operation = getOperationAST(parsed);
      if (operation == null) throw new Error(document);
      for (const scopes of SCOPE_SUBSETS) {
        const needs = [...fields.map((field) => scopesByField.get(field)), ARGUMENTS[root.name]?.scopes];
        const isAllowed = needs.every(
          (alternatives = scopes) =>
            alternatives === scopes || alternatives.some((scope) => scopes.includes(scope as Scope)),
        );
        let isAccepted = true;
        try {
          requireScopes({ schema: root.graph, document: parsed, operation }, new Set(scopes));
        } catch (error) {
          if (!(error instanceof ForbiddenError)) throw error;
          isAccepted = false;
          if (!isSmallestSufficient(error.requiredScopes, { schema: root.graph, document: parsed, operation })) {
            wrong.push([document, error.requiredScopes]);
          }
        }
        if (isAllowed !== isAccepted) wrong.push([document, scopes, isAccepted]);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('does not let a key with MANAGE alone read messages, leads or sources', () => {
    const contentFields =
      /^(Message\.(content|citations|reasoning|metadata)|Lead\.(name|email|phone|customData)|Passage\.text)$/;
    const scopes = new Set<Scope>(['MANAGE']);
    const allowed = ROOTS.flatMap((root) =>
      [...pathsFrom(root)].map((path) => ({ ...path, graph: root.graph })),
    ).filter(({ graph, document }) => {
      const parsed = parse(document, { noLocation: true });
      const operation = getOperationAST(parsed);
      try {
        if (operation != null) requireScopes({ schema: graph, document: parsed, operation }, scopes);
        return true;
      } catch {
        return false;
      }
    });
    expect(allowed.length).toBeGreaterThan(100);
    expect(
      allowed.filter(({ fields }) => contentFields.test(fields.at(-1) ?? '')).map(({ document }) => document),
    ).toEqual([]);
  });
});

describe('requireScopes', () => {
  const checkScopes = (document: string, scopes: Scope[], variables: Record<string, unknown> = {}) => {
    const parsed = parse(document);
    const operation = getOperationAST(parsed);
    if (operation == null) throw new Error(document);
    const { coerced } = getVariableValues(schema, operation.variableDefinitions ?? [], variables);
    if (coerced === undefined) throw new Error('The variables are invalid.');
    try {
      requireScopes({ schema, document: parsed, operation, variables: coerced }, new Set(scopes));
      return 'allowed';
    } catch (error) {
      return error instanceof ForbiddenError ? [error.path.join('.'), error.requiredScopes.join()] : error;
    }
  };

  it.each([
    ['a field', '{ viewer { account { apiKeys { id } } } }', ['viewer.account.apiKeys', 'MANAGE']],
    ['an alias', '{ v: viewer { a: account { k: apiKeys { id } } } }', ['v.a.k', 'MANAGE']],
    [
      'an inline fragment',
      '{ viewer { ... { account { ... on Account { apiKeys { id } } } } } }',
      ['viewer.account.apiKeys', 'MANAGE'],
    ],
    [
      'nested fragments',
      '{ viewer { ...A } } fragment A on Viewer { account { ...B } } fragment B on Account { apiKeys { id } }',
      ['viewer.account.apiKeys', 'MANAGE'],
    ],
    [
      'a second root field',
      '{ viewer { kind } providers { name } webhookEvents { event } }',
      ['webhookEvents', 'MANAGE'],
    ],
    [
      'a member of a union',
      'mutation { sendMessage(input: {content: "a"}) { ... on SendMessagePayload { conversation { id } } } }',
      ['sendMessage', 'CHAT'],
    ],
  ])('finds fields selected by %s', (_name, document, expected) => {
    expect(checkScopes(document, ['READ'])).toEqual(expected);
  });

  it('ignores fields that a variable skips, and evaluates the variable at each execution', () => {
    const document =
      'query ($keys: Boolean = false, $not: Boolean!) { viewer { account { apiKeys @include(if: $keys) { id } usage @skip(if: $not) { warnings { percent } } } } }';
    expect(checkScopes(document, ['READ'], { not: true })).toBe('allowed');
    expect(checkScopes(document, ['READ'], { not: false })).toEqual(['viewer.account.usage.warnings', 'MANAGE']);
    expect(checkScopes(document, ['READ'], { not: true, keys: true })).toEqual(['viewer.account.apiKeys', 'MANAGE']);
  });

  it.each<[scopes: Scope[], expected: string]>([
    [['READ'], 'READ,MANAGE'],
    [['CHAT'], 'CHAT,MANAGE'],
  ])('requires, of a key with %j, the smallest set of scopes for the whole operation: %s', (scopes, expected) => {
    const document =
      'mutation { a: assignConversation(input: { id: "1" }) { ... on AssignConversationPayload { conversation { sessionId } } } }';
    expect(checkScopes(document, scopes)).toEqual(['a', expected]);
    expect(checkScopes(document, ['MANAGE'])).toEqual(['a.conversation.sessionId', 'READ,MANAGE']);
  });

  it('prefers one scope that is sufficient for all fields to several', () => {
    expect(checkScopes('{ conversation(id: "1") { sessionId } providers { name } }', ['CHAT'])).toEqual([
      'providers',
      'READ',
    ]);
  });

  it.each<[what: string, input: string, allowed: Scope[]]>([
    ['AGENT', 'role: AGENT', ['MANAGE']],
    ['USER', 'role: USER', ['CHAT']],
    ['the default role', '', ['CHAT']],
  ])('decides by the value of an argument: %s', (_what, input, allowed) => {
    const document = `mutation { setTyping(input: { conversationId: "1", isTyping: true ${input} }) { __typename } }`;
    for (const scope of SCOPES) {
      const refusal = scope === 'READ' || !allowed.includes(scope) ? ['setTyping', allowed.join()] : 'allowed';
      expect(checkScopes(document, [scope])).toEqual(refusal);
    }
  });

  it('counts a fragment only if an object can match all the fragments around it', () => {
    const document = '{ node(id: "1") { ... on Chatbot { ...N } } } fragment N on Node { id ...F }';
    const fragment = 'fragment F on Node { ... on Conversation { sessionId } ... on Account { apiKeys { id } } }';
    expect(checkScopes(`${document} ${fragment}`, ['READ'])).toBe('allowed');
    const matching = `${document} ${fragment}`.replace('{ ...N }', '{ id } ...N');
    expect(checkScopes(matching, ['READ'])).toEqual(['node.apiKeys', 'READ,MANAGE']);
  });

  it('checks a fragment even if an earlier spread of it was skipped', () => {
    const document = '{ viewer { ...K @include(if: false) ...K } } fragment K on Viewer { account { apiKeys { id } } }';
    expect(checkScopes(document, ['READ'])).toEqual(['viewer.account.apiKeys', 'MANAGE']);
  });
});

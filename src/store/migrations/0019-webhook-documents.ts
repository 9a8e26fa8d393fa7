import { type ASTNode, type DocumentNode, Kind, parse, visit } from 'graphql';
import { type Kysely, sql } from 'kysely';

/** The events, each with a type of its own: `LeadCapturedEvent` becomes `LeadCapturedWebhook`. */
const EVENTS = [
  ...['LeadCaptured', 'ConversationStarted', 'MessageReceived', 'ConversationEscalated', 'MessageCompleted'],
  ...['MessageFailed', 'MessageRated', 'ConversationAssigned', 'ConversationClosed', 'HandoffEnded', 'SourceDone'],
  ...['SourceFailed', 'QuotaWarning', 'WebhookDisabled'],
];
const PAYLOAD_TYPES: ReadonlySet<string> = new Set(['WebhookPayload', ...EVENTS.map((event) => `${event}Event`)]);

const NEW_TYPE_NAMES: ReadonlyMap<string, string> = new Map([
  ...EVENTS.map((event) => [`${event}Event`, `${event}Webhook`] as const),
  ['ChatbotConversationsConnection', 'ConversationConnection'],
  ['ChatbotConversationsConnectionEdge', 'ConversationEdge'],
  ['ChatbotLeadsConnection', 'LeadConnection'],
  ['ChatbotLeadsConnectionEdge', 'LeadEdge'],
  ['ChatbotSourcesConnection', 'SourceConnection'],
  ['ChatbotSourcesConnectionEdge', 'SourceEdge'],
  ['ConversationMessagesConnection', 'MessageConnection'],
  ['ConversationMessagesConnectionEdge', 'MessageEdge'],
  ['SourcePassagesConnection', 'PassageConnection'],
  ['SourcePassagesConnectionEdge', 'PassageEdge'],
]);

/** The only order that lists of conversations had; they have another default now. */
const OLD_ORDER = 'orderBy: { field: CREATED_AT }';

/** A replacement of the characters from `start` to `end`. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Writes the documents of webhook subscriptions in the names of the schema of webhooks. */
export async function rewriteWebhookDocuments(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ id: string; document: string }>`
    select id, document from webhook_subscriptions where document is not null
  `.execute(db);
  for (const { id, document } of rows) {
    const rewritten = rewriteDocument(document);
    if (rewritten === document) continue;
    await sql`update webhook_subscriptions set document = ${rewritten} where id = ${id}`.execute(db);
  }
}

/**
 * Replaces names of types, the field `name` of payloads by `type` under its old response name, and the arguments of
 * lists of conversations, so that receivers get the same bodies. Everything else stays as it was written. A document that
 * cannot be parsed is returned unchanged: the gateway reports it and sends default bodies.
 */
function rewriteDocument(text: string): string {
  let document: DocumentNode;
  try {
    document = parse(text);
  } catch {
    return text;
  }
  // In the order of the text, as `visit` meets the nodes.
  const edits: Edit[] = [];
  const replace = ({ loc }: ASTNode, newText: string) => {
    if (loc !== undefined) edits.push({ start: loc.start, end: loc.end, text: newText });
  };
  const addAfter = ({ loc }: ASTNode, newText: string) => {
    if (loc !== undefined) edits.push({ start: loc.end, end: loc.end, text: newText });
  };
  visit(document, {
    NamedType(node) {
      const newName = NEW_TYPE_NAMES.get(node.name.value);
      if (newName !== undefined) replace(node, newName);
    },
    Field(node, _key, _parent, _path, ancestors) {
      if (node.name.value === 'name' && isInPayload(ancestors)) {
        replace(node.name, node.alias === undefined ? 'name: type' : 'type');
      }
      if (node.name.value !== 'conversations') return;
      const status = node.arguments?.find(({ name }) => name.value === 'status');
      if (status?.value.kind === Kind.ENUM) replace(status, `filter: { statuses: [${status.value.value}] }`);
      if (status?.value.kind === Kind.NULL) replace(status, 'filter: null');
      const last = node.arguments?.at(-1);
      if (last === undefined) addAfter(node.name, `(${OLD_ORDER})`);
      else addAfter(last, `, ${OLD_ORDER}`);
    },
  });
  return edits.reduceRight((edited, { start, end, text }) => edited.slice(0, start) + text + edited.slice(end), text);
}

/** Whether a field with these ancestors is a field of the payload. Only the root field `event` returns payloads. */
function isInPayload(ancestors: readonly (ASTNode | readonly ASTNode[])[]): boolean {
  const parent = ancestors.findLast(
    (each): each is ASTNode => 'kind' in each && (each.kind === Kind.FIELD || each.kind === Kind.FRAGMENT_DEFINITION),
  );
  if (parent?.kind === Kind.FIELD) return parent.name.value === 'event';
  return parent?.kind === Kind.FRAGMENT_DEFINITION && PAYLOAD_TYPES.has(parent.typeCondition.name.value);
}

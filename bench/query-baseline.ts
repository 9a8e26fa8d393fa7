/**
 * The server that the gateway's queries are compared with: a minimal one of node:http and graphql-js. It reads the same
 * rows of the same database file as the gateway, by prepared statements, but only the columns that its schema has. Its resolvers are
 * synchronous, and each query is parsed and validated once. It has no keys, limits, metrics or log.
 *
 * `node bench/query-baseline.ts <database file> <account id>`
 */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import SqliteConnection from 'better-sqlite3';
import {
  buildSchema,
  type DocumentNode,
  execute,
  type GraphQLFieldResolver,
  isObjectType,
  isScalarType,
  parse,
  validate,
} from 'graphql';

type Row = Readonly<Record<string, unknown>>;

const [path = '', accountId = ''] = process.argv.slice(2);
const db = new SqliteConnection(path, { readonly: true });
const read = {
  chatbot: db.prepare('select id, name, slug, is_active from chatbots where id = ? and account_id = ?'),
  chatbots: db.prepare('select id, name, slug, is_active from chatbots where account_id = ? order by id limit ?'),
  sources: db.prepare(
    'select id, title, status from sources where chatbot_id = ? and account_id = ? order by id desc limit ?',
  ),
  conversations: db.prepare(
    'select id, session_id, status from conversations where chatbot_id = ? and account_id = ? order by id desc limit ?',
  ),
  lastMessage: db.prepare(
    'select role, content, created_at from messages where conversation_id = ? and account_id = ? order by id desc limit 1',
  ),
};

const schema = buildSchema(`
  scalar DateTime
  enum SourceStatus { PENDING CRAWLING PROCESSING DONE FAILED }
  enum ConversationStatus { OPEN ESCALATED CLOSED }
  enum MessageRole { USER ASSISTANT AGENT SYSTEM }
  type Query { chatbot(id: ID): Chatbot  chatbots(first: Int): ChatbotConnection! }
  type PageInfo { hasNextPage: Boolean! }
  type ChatbotConnection { nodes: [Chatbot!]!  pageInfo: PageInfo! }
  type SourceConnection { nodes: [Source!]!  pageInfo: PageInfo! }
  type ConversationConnection { nodes: [Conversation!]!  pageInfo: PageInfo! }
  type Chatbot {
    id: ID!  name: String!  slug: String!  isActive: Boolean!
    sources(first: Int): SourceConnection!
    conversations(first: Int): ConversationConnection!
  }
  type Source { id: ID!  title: String!  status: SourceStatus! }
  type Conversation { id: ID!  sessionId: String!  status: ConversationStatus!  lastMessage: Message }
  type Message { role: MessageRole!  content: String!  createdAt: DateTime! }
`);

const resolvers: Record<string, Record<string, GraphQLFieldResolver<Row, unknown>>> = {
  Query: {
    chatbot: (_root, { id }) => read.chatbot.get(id, accountId),
    chatbots: (_root, { first }) => page(read.chatbots.all(accountId, first + 1), first),
  },
  Chatbot: {
    isActive: (row) => row.is_active === 1,
    sources: (row, { first }) => page(read.sources.all(row.id, accountId, first + 1), first),
    conversations: (row, { first }) => page(read.conversations.all(row.id, accountId, first + 1), first),
  },
  Conversation: {
    sessionId: (row) => row.session_id,
    lastMessage: (row) => read.lastMessage.get(row.id, accountId),
  },
  Message: { createdAt: (row) => row.created_at },
};

for (const [typeName, fields] of Object.entries(resolvers)) {
  const type = schema.getType(typeName);
  if (!isObjectType(type)) throw new Error(`The baseline has no type ${typeName}.`);
  for (const [name, resolve] of Object.entries(fields)) Object.assign(type.getFields()[name] ?? {}, { resolve });
}
const dateTime = schema.getType('DateTime');
if (isScalarType(dateTime)) dateTime.serialize = (value) => `${String(value).slice(0, 23)}Z`;

function page(rows: unknown[], size: number) {
  return { nodes: rows.slice(0, size), pageInfo: { hasNextPage: rows.length > size } };
}

const documents = new Map<string, DocumentNode>();

function documentOf(query: string): DocumentNode {
  let document = documents.get(query);
  if (document === undefined) {
    document = parse(query);
    const errors = validate(schema, document);
    if (errors.length > 0) throw new AggregateError(errors, errors.join('\n'));
    documents.set(query, document);
  }
  return document;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const server = createServer(async (request, response) => {
  try {
    const { query, variables } = JSON.parse(await readBody(request));
    const body = JSON.stringify(execute({ schema, document: documentOf(query), variableValues: variables }));
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
    response.end(body);
  } catch (error) {
    console.error(error);
    response.writeHead(500).end();
  }
});
process.once('SIGTERM', () => process.exit(0));
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));

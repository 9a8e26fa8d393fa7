import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, vi } from 'vitest';
import { saveVectors } from '../../src/store/search/vectors.ts';
import { createChatbot, send } from './chatbots.ts';
import { SQLITE } from './databases.ts';
import { requestGraphQL, startGateway } from './gateway.ts';
import { createScriptedEngine, delta, finish } from './models/engines.ts';
import { createDataDir } from './process.ts';

const USAGE_FIELDS = `month messages inputTokens outputTokens priceUsd days { day inputTokens }
    top(by: API_KEY) { key } warnings { cursor at percent used limit }`;

/** All data of the account that a key can read, except what a request itself changes. */
const ACCOUNT_QUERY = `{
  viewer { account { id name usage { ${USAGE_FIELDS} } operationManifests { nodes { id name version retiresAt
    operations { nodes { id documentId document cost } } } } } apiKey { id name prefix } scopes }
  chatbots(first: 10) { nodes {
    id name slug leadForm { title } metadata createdAt updatedAt
    sources(first: 10) { nodes { id title status passages(first: 10) { nodes { id headingPath text position } } } }
    leads(first: 10) { nodes { id name email customData createdAt } }
    visitors(first: 10) { nodes { id externalId name email customData isBlocked conversations { nodes { id } } } }
  } }
}`;
const CONVERSATION_QUERY = `query ($id: ID!) { conversation(id: $id) {
  id status assignee escalationReason answeredBy unreadCount metadata
  activities { nodes { id at changes actor } }
  messages(first: 50) { nodes {
    id role status content rating isPrivate authorName createdAt completedAt parent { id }
    usage { inputTokens isEstimated } generation { provider firstTokenMs priceUsd }
    citations { title quote start end } siblings { id content isShown }
  } }
} }`;
const SEARCH_QUERY = `query ($id: ID!, $query: String!) { search(chatbotId: $id, query: $query) {
  hits { score passage { id text source { title } } }
} }`;

/** The stored text of the open reply. */
export const OPEN_REPLY_TEXT = 'Half an answer';

/** The API key and the ids of rows in a filled database. */
export interface FilledDatabase {
  readonly key: string;
  readonly chatbotId: string;
  readonly conversationId: string;
  /** A reply that was being generated when its gateway was killed. */
  readonly openReplyId: string;
  /** The input of a message that was sent with a `clientMessageId`. */
  readonly sentInput: Readonly<Record<string, string>>;
  readonly sentMessageId: string;
}

/** Reads all data of a filled database through a gateway. */
export async function readAllData({ url }: { url: string }, { key, chatbotId, conversationId }: FilledDatabase) {
  const responses = [
    await requestGraphQL({ url, key }, ACCOUNT_QUERY),
    await requestGraphQL({ url, key }, CONVERSATION_QUERY, { id: conversationId }),
    ...(await Promise.all(
      ['returns', 'opening hours weekdays', 'postage of a parcel 📦', 'nothing of it'].map((query) =>
        requestGraphQL({ url, key }, SEARCH_QUERY, { id: chatbotId, query }),
      ),
    )),
  ];
  for (const { errors } of responses) expect(errors).toBeUndefined();
  return responses.map(({ data }) => data);
}

/** The `SECRET_KEY` that signs the cursors of the filled database. */
export const SECRET_KEY = '5e'.repeat(32);

/** Creates a SQLite file with rows of every kind, as a killed process leaves it. `allData` is what it served before. */
export async function fillDatabase() {
  const dataDir = await createDataDir();
  const engine = createScriptedEngine();
  const gateway = await startGateway({
    engine: SQLITE,
    // The fourth reply triggers a quota warning.
    env: { MONTHLY_MESSAGE_LIMIT: '5', SECRET_KEY },
    overrides: { engines: new Map([['builtin', engine]]) },
  });
  const mutate = async (mutation: string, input: object) => {
    const name = /^\w+/.exec(mutation)?.[0] ?? '';
    const type = `${name[0]?.toUpperCase()}${name.slice(1)}`;
    const { data, errors } = await gateway.graphql<Record<string, Record<string, { id: string }>>>(
      `mutation ($input: ${type}Input!) { ${name}(input: $input) { ... on ${type}Payload { ${mutation.slice(name.length)} }
        ... on Error { code reason: message } } }`,
      { input },
    );
    expect([errors, data?.[name]?.code]).toEqual([undefined, undefined]);
    return data[name] ?? {};
  };
  const completeReply = async () => {
    engine.push(delta(`Answer ${engine.questionCount + 1}, of 𝔘nicode. `), finish);
    await vi.waitFor(() => expect(gateway.deps.liveReplies.size).toBe(0));
  };

  const chatbotId = await createChatbot(gateway, {
    sources: [
      '# Opening hours 🕘\n\nThe shop opens at nine on weekdays.\n\n# Returns\n\nThe shop pays the postage of a parcel 📦.',
      '# More about returns\n\nReturns take ten days. Returns of food are refused.',
    ],
  });
  await createChatbot(gateway, { name: 'Other', sources: ['# Returns\n\nAnother chatbot knows of returns too.'] });
  const { db } = gateway.deps;
  const passages = await db.read.selectFrom('passages').select('id').execute();
  const vectors = new Map(passages.map(({ id }, index) => [id, Float32Array.from([index, 1, -2.5])]));
  await db.transaction((trx) => saveVectors(trx, 'small', vectors));
  const sentInput = { chatbotId, sessionId: 'one', content: 'When does it open?', clientMessageId: 'mine-1' };
  const { userMessage, conversation, reply } = await mutate(
    'sendMessage userMessage { id } conversation { id } reply { id }',
    sentInput,
  );
  await completeReply();
  const conversationId = conversation?.id ?? '';
  await mutate('rateMessage reply { id }', { id: reply?.id, rating: 'UP' });
  await mutate('regenerateMessage reply { id }', { id: reply?.id });
  await completeReply();
  await mutate('editMessage userMessage { id }', { id: userMessage?.id, content: 'When does it close?' });
  await completeReply();
  await mutate('escalateConversation conversation { id }', { id: conversationId, reason: 'Wants a person' });
  await mutate('sendAgentMessage agentMessage { id }', {
    conversationId,
    content: 'A note',
    isPrivate: true,
    authorName: 'Ann',
  });
  await mutate('sendAgentMessage agentMessage { id }', {
    conversationId,
    content: 'Hello, Ann here.',
    authorName: 'Ann',
  });
  const documents = [{ documentId: 'kind', document: 'query Kind { viewer { kind } } # 📦' }];
  await mutate('pushOperations manifest { id }', { name: 'web', documents });
  await mutate('captureLead lead { id }', { conversationId, email: 'a@example.com', customData: { plan: 'gold' } });
  const openReply = await send(gateway, {
    ...{ chatbotId, sessionId: 'two', content: 'And now?' },
    visitor: { externalId: 'customer-42', name: 'Ada' },
  });
  engine.push(delta(OPEN_REPLY_TEXT));
  const expectSaved = async () => {
    const saved = gateway.deps.db.read.selectFrom('messages').select('id').where('content', '=', OPEN_REPLY_TEXT);
    expect(await saved.execute()).toHaveLength(1);
  };
  await vi.waitFor(expectSaved, { timeout: 5_000 });

  const filled = {
    ...{ key: gateway.key, chatbotId, conversationId, openReplyId: openReply.replyId },
    ...{ sentInput, sentMessageId: userMessage?.id ?? '' },
  } satisfies FilledDatabase;
  const allData = await readAllData(gateway, filled);
  const path = join(dataDir, 'chatgraph.db');
  const file = new Database(gateway.deps.config.databaseUrl.slice('sqlite:'.length), { readonly: true });
  file.prepare('vacuum into ?').run(path);
  file.close();
  engine.push(finish);
  await gateway.close();
  return { ...filled, dataDir, path, allData };
}

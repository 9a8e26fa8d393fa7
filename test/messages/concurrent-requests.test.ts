import { expect, it, onTestFinished, vi } from 'vitest';
import { toIndexTerms } from '../../src/domain/language/terms.ts';
import { openIndex } from '../../src/store/search/search.ts';
import { countReservedReplies } from '../../src/store/usage.ts';
import { createChatbot } from '../helpers/chatbots.ts';
import { describeDatabases } from '../helpers/databases.ts';
import { createDatabase, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { mutate } from '../schema/support.ts';

interface MutationResult {
  readonly __typename: string;
  readonly conversation?: { id: string };
  readonly userMessage?: { id: string };
  readonly source?: { id: string };
}

const SEND_SELECTION = { selection: 'conversation { id } userMessage { id }' };

describeDatabases('concurrent requests', (engine) => {
  /** Opens gateways with the same database and account: two on Postgres, and one on SQLite. */
  async function open(env: Record<string, string> = {}) {
    const database = await createDatabase(engine);
    const gateways: TestGateway[] = [];
    for (const _gateway of engine.name === 'Postgres' ? [1, 2] : [1]) {
      const gateway = await startGateway({ database, env });
      onTestFinished(() => gateway.close());
      gateways.push(gateway);
    }
    const [first] = gateways as [TestGateway];
    const { db } = first.deps;
    /** Runs a mutation `count` times concurrently, alternating between the gateways. */
    const mutateConcurrently = (
      count: number,
      name: string,
      input: (n: number) => object,
      options = {},
    ): Promise<MutationResult[]> =>
      Promise.all(
        Array.from({ length: count }, (_, n) => {
          const gateway = gateways[n % gateways.length] as TestGateway;
          return mutate<MutationResult>(gateway, name, input(n), { key: first.key, ...options });
        }),
      );
    const waitForReplies = () =>
      vi.waitFor(async () => {
        const unfinished = db.read.selectFrom('messages').select('id').where('status', 'in', ['QUEUED', 'STREAMING']);
        expect(await unfinished.execute()).toEqual([]);
      }, 15_000);
    return { gateway: first, db, mutateConcurrently, waitForReplies, chatbotId: await createChatbot(first) };
  }

  it('generates one reply at a time, in the order of the messages, when concurrent messages begin a conversation', async () => {
    const { db, mutateConcurrently, waitForReplies, chatbotId } = await open();
    const input = (n: number) => ({ chatbotId, sessionId: 'one', content: `${n}` });
    const sent = await mutateConcurrently(50, 'sendMessage', input, SEND_SELECTION);
    expect(new Set(sent.map(({ conversation }) => conversation?.id)).size).toBe(1);
    await waitForReplies();

    const messages = await db.read.selectFrom('messages').selectAll().orderBy('id').execute();
    const questions = messages.filter(({ role }) => role === 'USER');
    expect(new Set(questions.map(({ content }) => content)).size).toBe(50);
    // Each message follows the one before it, so the conversation has no branches.
    expect(messages.map(({ parent_id }) => parent_id)).toEqual([null, ...messages.slice(0, -1).map(({ id }) => id)]);
    const log = await db.read.selectFrom('conversation_events').selectAll().orderBy('number').execute();
    expect(log.map(({ number }) => number)).toEqual(log.map((_, index) => index + 1));
    expect(log.map(({ chatbot_number }) => chatbot_number)).toEqual(log.map((_, index) => index + 1));
    const startedReplies: (string | null)[] = [];
    let isStreaming = false;
    for (const { message_id, status } of log) {
      if (status === 'STREAMING') {
        expect(isStreaming).toBe(false);
        startedReplies.push(message_id);
      }
      if (status === 'STREAMING' || messages.find(({ id }) => id === message_id)?.role === 'ASSISTANT') {
        isStreaming = status === 'STREAMING';
      }
    }
    expect(startedReplies).toEqual(messages.filter(({ role }) => role === 'ASSISTANT').map(({ id }) => id));
  });

  it('sends a message once when 50 concurrent requests have the same clientMessageId', async () => {
    const { db, mutateConcurrently, waitForReplies, chatbotId } = await open();
    const input = () => ({ chatbotId, clientMessageId: 'one', content: 'Well?' });
    const sent = await mutateConcurrently(50, 'sendMessage', input, SEND_SELECTION);
    expect(new Set(sent.map(({ userMessage }) => userMessage?.id)).size).toBe(1);
    await waitForReplies();
    expect(await db.read.selectFrom('messages').select('id').execute()).toHaveLength(2);
    expect(await db.read.selectFrom('conversations').select('id').execute()).toHaveLength(1);
  });

  it('accepts exactly as many concurrent messages as remain in the quota', async () => {
    const { gateway, db, mutateConcurrently, waitForReplies, chatbotId } = await open({ MONTHLY_MESSAGE_LIMIT: '20' });
    const sent = await mutateConcurrently(50, 'sendMessage', () => ({ chatbotId, content: 'Well?' }));
    expect(Map.groupBy(sent, ({ __typename }) => __typename).get('SendMessagePayload')).toHaveLength(20);
    expect(Map.groupBy(sent, ({ __typename }) => __typename).get('QuotaExceededError')).toHaveLength(30);
    await waitForReplies();
    const month = new Date().toISOString().slice(0, 7);
    expect(await countReservedReplies(db.read, gateway.accountId, month)).toBe(20);
  });

  it('creates at most five active API keys', async () => {
    const { mutateConcurrently } = await open();
    const results = await mutateConcurrently(20, 'createApiKey', (n) => ({ name: `${n}` }));
    // The key that sends the requests is the fifth.
    expect(results.filter(({ __typename }) => __typename === 'CreateApiKeyPayload')).toHaveLength(4);
  });

  it('gives chatbots with the same name different slugs, and a requested slug to one chatbot only', async () => {
    const { db, mutateConcurrently } = await open();
    const results = await mutateConcurrently(20, 'createChatbot', () => ({ name: 'Twin' }));
    expect(new Set(results.map(({ __typename }) => __typename))).toEqual(new Set(['CreateChatbotPayload']));
    const slugs = await db.read.selectFrom('chatbots').select('slug').where('name', '=', 'Twin').execute();
    expect(new Set(slugs.map(({ slug }) => slug)).size).toBe(20);
    const named = await mutateConcurrently(20, 'createChatbot', () => ({ name: 'One', slug: 'only' }));
    expect(named.filter(({ __typename }) => __typename === 'CreateChatbotPayload')).toHaveLength(1);
    expect(named.filter(({ __typename }) => __typename === 'InvalidInputError')).toHaveLength(19);
  });

  it('loses no change when concurrent requests change different fields of a chatbot', async () => {
    const { db, mutateConcurrently, chatbotId: id } = await open();
    const fields = ['name', 'slug', 'instructions', 'fallbackMessage', 'handoffMessage', 'model'];
    await mutateConcurrently(fields.length, 'updateChatbot', (n) => ({ id, [fields[n] ?? '']: 'changed' }));
    const row = await db.read.selectFrom('chatbots').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
    expect(Object.values(row).filter((value) => value === 'changed')).toHaveLength(fields.length);
  });

  it('counts the words of sources exactly while other sources are added and deleted', async () => {
    const { gateway, db, mutateConcurrently, chatbotId } = await open();
    const add = (n: number) => ({ chatbotId, title: 'Source', content: { text: `common word${n}` } });
    const results = await mutateConcurrently(20, 'createSource', add, { selection: 'source { id }' });
    const [deleted] = await Promise.all([
      mutateConcurrently(10, 'deleteSource', (n) => ({ id: results[n]?.source?.id })),
      mutateConcurrently(10, 'createSource', (n) => add(20 + n)),
    ]);
    expect(deleted.map(({ __typename }) => __typename)).toEqual(Array(10).fill('DeleteSourcePayload'));
    const index = await openIndex(db.read, gateway.accountId, chatbotId);
    expect(index).toMatchObject({ passageCount: 20, averageLength: 3 });
    const terms = ['common', 'word3', 'word13', 'word23'].flatMap((word) => toIndexTerms(word).slice(0, 1));
    expect([...(await index.countTerms(terms)).values()]).toEqual([20, 0, 1, 1]);
  });

  it('deletes a chatbot and its search index completely while sources are added to it', async () => {
    const { db, mutateConcurrently, chatbotId } = await open();
    const [results] = await Promise.all([
      mutateConcurrently(10, 'createSource', () => ({ chatbotId, title: 'Source', content: { text: 'common' } })),
      mutateConcurrently(1, 'deleteChatbot', () => ({ id: chatbotId })),
    ]);
    const isExpected = ({ __typename }: MutationResult) =>
      ['CreateSourcePayload', 'NotFoundError'].includes(__typename);
    expect(results.filter((answer) => !isExpected(answer))).toEqual([]);
    for (const table of ['search_entries', 'sources', 'passages']) {
      expect(
        await db.read
          .selectFrom(table as 'sources')
          .selectAll()
          .execute(),
      ).toEqual([]);
    }
  });
});

import { describe, expect, it } from 'vitest';
import { createId } from '../../../src/domain/ids.ts';
import { createChatbot, send } from '../../helpers/chatbots.ts';
import type { TestGateway } from '../../helpers/gateway.ts';
import { errorCodesOf } from '../../helpers/sockets.ts';
import { webSocket } from '../../helpers/streams.ts';
import { mutate, mutation, openGateway, textOfLength } from '../support.ts';

const FIELDS = `id type title url status error pageCount createdAt updatedAt chatbot { id }
  passages { nodes { id position headingPath text source { id } } }`;

interface SourcePayload {
  readonly source: Record<string, unknown> & { id: string };
}

const create = (gateway: TestGateway, input: object) =>
  mutate<SourcePayload>(gateway, 'createSource', input, { selection: `source { ${FIELDS} }` });

async function countRows({ deps, accountId }: TestGateway): Promise<number[]> {
  const { read } = deps.db;
  const sources = await read.selectFrom('sources').select('id').where('account_id', '=', accountId).execute();
  const passages = await read.selectFrom('passages').select('id').where('account_id', '=', accountId).execute();
  return [sources.length, passages.length];
}

const MARKDOWN = `Before any heading.

# Shop

The shop is in the main street.

## Opening hours

Open from 9 to 18.

# Returns

Within 30 days.`;

describe('createSource', () => {
  it('splits Markdown into passages with their headings', async () => {
    const gateway = await openGateway();
    const chatbotId = await createChatbot(gateway);
    const { source } = await create(gateway, { chatbotId, title: ' Guide ', content: { text: MARKDOWN } });
    const passage = (position: number, headingPath: string[], text: string) => ({
      id: expect.any(String),
      position,
      headingPath,
      text,
      source: { id: source.id },
    });
    expect(source).toEqual({
      id: expect.any(String),
      type: 'TEXT',
      title: 'Guide',
      url: null,
      status: 'DONE',
      error: null,
      pageCount: 1,
      createdAt: expect.stringMatching(/Z$/),
      updatedAt: source.createdAt,
      chatbot: { id: chatbotId },
      passages: {
        nodes: [
          passage(0, [], 'Before any heading.'),
          passage(1, ['Shop'], 'The shop is in the main street.'),
          passage(2, ['Shop', 'Opening hours'], 'Open from 9 to 18.'),
          passage(3, ['Returns'], 'Within 30 days.'),
        ],
      },
    });
  });

  it('uses the first heading, the first line or the question as the title if none is given', async () => {
    const gateway = await openGateway();
    const chatbotId = await createChatbot(gateway);
    const contents = [
      [{ text: '\n## Opening hours\n\nFrom 9 to 18.' }, 'Opening hours'],
      [{ text: 'The shop is open.\nAlways.' }, 'The shop is open.'],
      [{ qa: { question: 'When are you open?', answer: 'Always.' } }, 'When are you open?'],
    ] as const;
    for (const [content, title] of contents) {
      expect(await create(gateway, { chatbotId, content })).toMatchObject({ source: { title } });
    }
  });

  it('stores a question with its answer as one passage', async () => {
    const gateway = await openGateway();
    const chatbotId = await createChatbot(gateway);
    const qa = { question: ' When are you open? ', answer: ' From 9 to 18. ' };
    expect(await create(gateway, { chatbotId, title: 'Hours', content: { qa } })).toMatchObject({
      source: {
        type: 'QA',
        passages: { nodes: [{ position: 0, headingPath: ['When are you open?'], text: 'From 9 to 18.' }] },
      },
    });
  });

  it.each<[string, object, string[]]>([
    ['no title', { title: ' ' }, ['title']],
    ['a title of 256 characters', { title: textOfLength(256) }, ['title']],
    ['no text', { content: { text: ' \n ' } }, ['content', 'text']],
    ['a NUL', { content: { text: 'a\0b' } }, ['content', 'text']],
    ['an unpaired surrogate', { content: { text: 'a\udc00' } }, ['content', 'text']],
    ['no question', { content: { qa: { question: '', answer: 'a' } } }, ['content', 'qa', 'question']],
    [
      'a question that is too long',
      { content: { qa: { question: textOfLength(2_001), answer: 'a' } } },
      ['content', 'qa', 'question'],
    ],
    ['no answer', { content: { qa: { question: 'a', answer: ' ' } } }, ['content', 'qa', 'answer']],
    [
      'an answer that is too long',
      { content: { qa: { question: 'a', answer: textOfLength(20_001) } } },
      ['content', 'qa', 'answer'],
    ],
  ])('rejects %s, and stores nothing', async (_name, fields, path) => {
    const gateway = await openGateway();
    const chatbotId = await createChatbot(gateway);
    const answer = await create(gateway, { chatbotId, title: 'A', content: { text: 'a' }, ...fields });
    expect(answer).toMatchObject({ __typename: 'InvalidInputError', fields: [{ path }] });
    expect(await countRows(gateway)).toEqual([0, 0]);
  });

  it.each<[string, object]>([
    ['both', { text: 'a', qa: { question: 'a', answer: 'b' } }],
    ['neither', {}],
    ['null', { text: null }],
    ['a text and null', { text: 'a', qa: null }],
  ])('requires exactly one kind of content, not %s', async (_name, content) => {
    const gateway = await openGateway();
    const input = { chatbotId: await createChatbot(gateway), title: 'A', content };
    expect(errorCodesOf(await gateway.graphql(mutation('createSource'), { input }))).toEqual(['BAD_USER_INPUT']);
    expect(await countRows(gateway)).toEqual([0, 0]);
  });
});

describe('deleteSource', () => {
  const CITATIONS =
    'query ($id: ID!) { node(id: $id) { ... on Message { citations { title quote start end passage { id } source { id } } } } }';
  interface CitationData {
    readonly node: { citations: { quote: string; passage: object | null; source: object | null }[] };
  }

  it('deletes the passages, and keeps the title and quote of citations', async () => {
    const gateway = await openGateway();
    const chatbotId = await createChatbot(gateway);
    const { source } = await create(gateway, {
      chatbotId,
      title: 'Tower',
      content: { text: 'The tower is 300 metres tall.' },
    });
    const { replyId } = await send(gateway, { chatbotId, content: 'How tall is the tower?' });
    await webSocket.subscribe(gateway, { messageId: replyId }).ended;
    const before = (await gateway.graphql<CitationData>(CITATIONS, { id: replyId })).data.node.citations;
    expect(before).toMatchObject([
      { title: 'Tower', quote: 'The tower is 300 metres tall.', source: { id: source.id } },
    ]);

    const deleted = await mutate(gateway, 'deleteSource', { id: source.id.toUpperCase() }, { selection: 'deletedId' });
    expect(deleted).toEqual({ __typename: 'DeleteSourcePayload', deletedId: source.id });
    expect((await gateway.graphql<CitationData>(CITATIONS, { id: replyId })).data.node.citations).toEqual(
      before.map((citation) => ({ ...citation, passage: null, source: null })),
    );
    expect(await countRows(gateway)).toEqual([0, 0]);
    const search = 'query ($id: ID!) { search(chatbotId: $id, query: "tower") { hits { score } } }';
    expect((await gateway.graphql(search, { id: chatbotId })).data).toEqual({ search: { hits: [] } });
    expect(await mutate(gateway, 'deleteSource', { id: source.id })).toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('sources', () => {
  it('are listed newest first, optionally filtered by status', async () => {
    const gateway = await openGateway();
    const chatbotId = await createChatbot(gateway, { sources: ['one', 'two', 'three'] });
    const failedId = createId('source');
    await gateway.deps.db.transaction(async (trx) => {
      const ofChatbot = trx.selectFrom('sources').selectAll().where('chatbot_id', '=', chatbotId);
      const row = await ofChatbot.limit(1).executeTakeFirstOrThrow();
      await trx
        .insertInto('sources')
        .values({ ...row, id: failedId, title: 'Failed', status: 'FAILED' })
        .execute();
    });
    const query = `query ($id: ID!, $filter: SourceFilter) {
      chatbot(id: $id) { sources(filter: $filter) { nodes { title } } }
    }`;
    const listTitles = async (status?: string) => {
      const { data } = await gateway.graphql<{ chatbot: { sources: { nodes: { title: string }[] } } }>(query, {
        id: chatbotId,
        filter: status && { statuses: [status] },
      });
      return data.chatbot.sources.nodes.map(({ title }) => title);
    };
    expect(await listTitles()).toEqual(['Failed', 'Source 3', 'Source 2', 'Source 1']);
    expect(await listTitles('DONE')).toEqual(['Source 3', 'Source 2', 'Source 1']);
    expect(await listTitles('FAILED')).toEqual(['Failed']);
  });
});

import { hash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, print } from 'graphql';
import type { Viewer } from '../../src/access/viewer.ts';
import { systemClock } from '../../src/domain/time.ts';
import { checkDocument } from '../../src/http/operations/check-document.ts';
import { createDocuments, type Documents } from '../../src/http/operations/resolve-document.ts';
import { createOperationStore } from '../../src/operations/operation-store.ts';
import { pushOperations } from '../../src/operations/push-operations.ts';
import { openDatabase } from '../../src/store/database.ts';
import type { Benchmark, Figure } from '../benchmark.ts';
import { fillDatabase } from '../data.ts';
import { SMALL } from '../queries.ts';

/** The requests of a block; the fastest of the blocks of a round counts, because other processes delay some. */
const BLOCK_REQUESTS = 1_000;
const BLOCKS = 50;
/** The length of `sha256:` and a hash. */
const ID_LENGTH = 71;

/**
 * A document by its id, against the same document in full, from the body of the request to the parsed and validated
 * document. Everything after that costs the same.
 */
export const operations: Benchmark = {
  name: 'operations',
  async run({ rounds, logProgress }) {
    const dir = await mkdtemp(join(tmpdir(), 'chatgraph-bench-'));
    const url = `sqlite:${join(dir, 'chatgraph.db')}`;
    const { accountId } = await fillDatabase(url);
    const db = await openDatabase({ url, role: 'tool' });
    const store = createOperationStore(db, systemClock, { log() {}, close() {} });
    try {
      const documents = [createPageDocument(), SMALL];
      const deps = { db, clock: systemClock, checkDocument, operations: store };
      const input = { name: 'bench', documents: documents.map((document) => ({ document })) };
      await pushOperations(deps, { accountId }, input);
      const read = createReader(createDocuments({ operations: store }), accountId);
      const figures: Figure[] = [];
      for (const document of documents) {
        logProgress(`a document of ${document.length} characters`);
        figures.push(await compare(read, document, rounds));
      }
      return figures;
    } finally {
      await store.close();
      await db.close();
      await rm(dir, { recursive: true });
    }
  },
};

/** The document of a page with a conversation in all details, printed as build tools do. */
function createPageDocument(): string {
  const message = `id role status content outcome confidence finishReason reasoning followUps rating ratingComment isShown isPrivate
    authorName createdAt updatedAt completedAt metadata error { code message detail } parent { id }
    generation { provider model firstTokenMs priceUsd attempts { provider model } }
    usage { inputTokens outputTokens cachedTokens reasoningTokens isEstimated }
    citations { id start end title url quote passage { id headingPath text source { id title url status } } }`;
  const list = `edges { cursor node { ...MessageFields } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }`;
  const chatbot = `id name slug provider model instructions fallbackMessage handoffMessage isActive metadata createdAt updatedAt
    leadForm { title fields { name label isRequired } }`;
  return print(
    parse(`query Page($id: ID!, $first: Int = 5) {
      conversation(id: $id) { ...ConversationFields messages(first: $first) { ${list} } }
    }
    fragment ConversationFields on Conversation {
      id sessionId channel status answeredBy assignee escalationReason silentUntil labels priority snoozedUntil unreadCount
      visitorUnreadCount metadata createdAt updatedAt lastMessageAt waitingSince closedAt firstAgentReplyAt
      chatbot { ${chatbot} } lastMessage { ...MessageFields } lastVisitorMessage { ...MessageFields }
      leads(first: 5) { nodes { id name email phone customData createdAt } }
      activities(first: 5) { nodes { id at changes actor } }
    }
    fragment MessageFields on Message { ${message} }`),
  );
}

/** Creates the function that reads the body of a request, and finds its parsed document. */
function createReader({ resolve, documentCache }: Documents, accountId: string): (body: Buffer) => Promise<void> {
  const viewer = { accountId, persistedOnly: false } as Viewer;
  return async (body) => {
    const { text, onChecked } = await resolve(viewer, JSON.parse(body.toString()));
    const document = documentCache.get(text) ?? parse(text);
    documentCache.set(text, document);
    onChecked?.(document);
  };
}

async function compare(read: (body: Buffer) => Promise<void>, document: string, rounds: number): Promise<Figure> {
  const variables = { id: '01900000-0000-7000-8000-000000000003' };
  const toBody = (parameters: object) => Buffer.from(JSON.stringify({ ...parameters, variables }));
  const bodies = {
    gateway: toBody({ documentId: `sha256:${hash('sha256', document)}` }),
    baseline: toBody({ query: document }),
  };
  const costs = { gateway: [] as number[], baseline: [] as number[] };
  for (const body of Object.values(bodies)) await readBlocks(read, body);
  for (let round = 0; round < rounds; round++) {
    for (const key of ['gateway', 'baseline'] as const) costs[key].push(await readBlocks(read, bodies[key]));
  }
  const quantity = `document of ${document.length} characters by its id, until it can run; baseline: in full`;
  // An id cannot cost less than a document that is shorter than the id.
  return { quantity, unit: 'µs', ...costs, ...(document.length > ID_LENGTH && { target: 1 }) };
}

/** Reads a body in blocks. @returns the microseconds of a request in the fastest block. */
async function readBlocks(read: (body: Buffer) => Promise<void>, body: Buffer): Promise<number> {
  let fastest = Number.POSITIVE_INFINITY;
  for (let block = 0; block < BLOCKS; block++) {
    const startedAt = performance.now();
    for (let request = 0; request < BLOCK_REQUESTS; request++) await read(body);
    fastest = Math.min(fastest, performance.now() - startedAt);
  }
  return (fastest * 1_000) / BLOCK_REQUESTS;
}

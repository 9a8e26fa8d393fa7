import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { type ChatGraph, type ChatGraphOptions, createChatGraph } from '../../../clients/typescript/src/chatgraph.ts';
import { createVisitorSession } from '../../../clients/typescript/src/session.ts';
import type { TextStorage } from '../../../clients/typescript/src/storage.ts';
import { createManualClock } from '../../helpers/clock.ts';
import { startGateway, type TestGateway } from '../../helpers/gateway.ts';
import { createScriptedEngine } from '../../helpers/models/engines.ts';
import { createPublicChatbot, SHOP } from '../../visitors/support.ts';
import { followConversation } from './support.ts';

const MINUTE_MS = 60_000;
const WAIT = { timeout: 20_000 };

/** What a page of `SHOP` sends with every request, and Node does not. */
beforeEach(() => {
  const { fetch } = globalThis;
  const withOrigin: typeof fetch = (url, init) => fetch(url, { ...init, headers: { ...init?.headers, origin: SHOP } });
  class PageWebSocket extends WebSocket {
    constructor(url: string, protocol: string) {
      super(url, protocol, { origin: SHOP });
    }
  }
  vi.stubGlobal('fetch', vi.fn(withOrigin));
  vi.stubGlobal('WebSocket', PageWebSocket);
});
afterEach(() => vi.unstubAllGlobals());

/** A storage that the tabs of a test share. */
function createStorage(): TextStorage {
  const values = new Map<string, string>();
  return {
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
    removeItem: (key) => void values.delete(key),
  };
}

/** Opens a gateway with a public chatbot that answers at once, and a browser whose tabs share a storage. */
async function openBrowser() {
  const clock = createManualClock();
  const engine = createScriptedEngine();
  engine.finishAll();
  const gateway = await startGateway({ overrides: { clock, engines: new Map([['builtin', engine]]) } });
  onTestFinished(() => gateway.close());
  const chatbot = await createPublicChatbot(gateway);
  const storage = createStorage();
  const openTab = (options: Partial<ChatGraphOptions> = {}): ChatGraph => {
    const chat = createChatGraph({ url: gateway.url, chatbot, storage, ...options });
    onTestFinished(() => chat.close());
    return chat;
  };
  return { clock, gateway, chatbot, openTab };
}

interface Visitor {
  readonly id: string;
  readonly name: string | null;
  readonly conversations: { readonly nodes: readonly { readonly id: string }[] };
}

async function readVisitors(gateway: TestGateway, chatbot: string): Promise<readonly Visitor[]> {
  const { data } = await gateway.graphql<{ chatbot: { visitors: { nodes: Visitor[] } } }>(
    'query ($id: ID!) { chatbot(id: $id) { visitors { nodes { id name conversations { nodes { id } } } } } }',
    { id: chatbot },
  );
  return data.chatbot.visitors.nodes;
}

/** The paths of the requests so far. */
const requestedPaths = () => vi.mocked(fetch).mock.calls.map(([url]) => new URL(String(url)).pathname);
const countRenewals = () => requestedPaths().filter((path) => path === '/v1/sessions/renew').length;

describe('the session of a page', () => {
  it('is opened at the first request, with the details of the visitor, and serves all requests', async () => {
    const { gateway, chatbot, openTab } = await openBrowser();
    const chat = openTab({ visitor: { name: 'Ada', email: 'ada@example.com', customData: { plan: 'pro' } } });
    vi.mocked(fetch).mockClear();
    await chat.ask('Hello');
    await chat.ask('Are you there?');
    expect(requestedPaths()).toEqual([`/v1/chatbots/${chatbot}/sessions`, '/graphql', '/graphql']);
    expect(await readVisitors(gateway, chatbot)).toMatchObject([
      { name: 'Ada', conversations: { nodes: [{ id: chat.conversation().state.conversation?.id }] } },
    ]);
  });

  it('is the same in all tabs, also when they renew it at once after its token has expired', async () => {
    const { clock, gateway, chatbot, openTab } = await openBrowser();
    const first = openTab();
    await first.ask('One');
    const second = openTab();
    const conversations = [first, second].map(followConversation);
    await expect.poll(() => conversations[1]?.state.messages.length, WAIT).toBe(2);
    clock.advance(11 * MINUTE_MS);
    await Promise.all([first.ask('Two'), second.ask('Three')]);
    const read = (index: number) => conversations[index]?.state.messages.map(({ content }) => content).sort();
    await expect.poll(() => [read(0), read(1)], WAIT).toEqual(Array(2).fill(['', '', '', 'One', 'Three', 'Two']));
    expect(await readVisitors(gateway, chatbot)).toHaveLength(1);
    expect(countRenewals()).toBe(1);
  });

  it('continues as the same visitor in the same conversation after days', async () => {
    const { clock, gateway, chatbot, openTab } = await openBrowser();
    const before = openTab();
    await before.ask('Hello');
    before.close();
    clock.advance(3 * 24 * 60 * MINUTE_MS);
    const after = followConversation(openTab());
    await expect.poll(() => after.state.messages.map(({ content }) => content), WAIT).toEqual(['Hello', '']);
    expect(await readVisitors(gateway, chatbot)).toHaveLength(1);
  });

  it('starts anew, with a new conversation, after it was revoked, and after the visitor has signed out', async () => {
    const { gateway, chatbot, openTab } = await openBrowser();
    const chat = openTab();
    const conversation = followConversation(chat);
    await chat.ask('Hello');
    await expect.poll(() => conversation.state.isConnected, WAIT).toBe(true);
    const [visitor] = await readVisitors(gateway, chatbot);
    const tokens = await gateway.deps.db.read.selectFrom('session_tokens').select('id').execute();
    await gateway.graphql('mutation ($id: ID!) { revokeSessionToken(input: { id: $id }) { __typename } }', tokens[0]);
    await expect.poll(() => conversation.state.messages, WAIT).toEqual([]);
    await chat.ask('Who am I?');
    chat.signOut();
    expect(conversation.state.messages).toEqual([]);
    await chat.ask('And now?');
    const visitors = await readVisitors(gateway, chatbot);
    expect(visitors).toHaveLength(3);
    expect(visitors.map(({ conversations }) => conversations.nodes.length)).toEqual([1, 1, 1]);
    expect(visitors.map(({ id }) => id)).toContain(visitor?.id);
  });

  it('is refused to a blocked visitor and to an unknown chatbot, with the code', async () => {
    const { gateway, chatbot, openTab } = await openBrowser();
    const chat = openTab();
    await chat.ask('Hello');
    const [visitor] = await readVisitors(gateway, chatbot);
    await gateway.graphql('mutation ($id: ID!) { blockVisitor(input: { id: $id }) { __typename } }', {
      id: visitor?.id,
    });
    await expect(chat.ask('Hello?')).rejects.toMatchObject({ isTemporary: false });
    expect(await readVisitors(gateway, chatbot)).toHaveLength(1);
    const other = openTab({ chatbot: '01900000-0000-7000-8000-000000000003' });
    await expect(other.ask('Hello')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('is not that of another user who signs in with the same browser', async () => {
    const storage = createStorage();
    let number = 0;
    const answer = async () => {
      const body = { token: `ics_${++number}`, renewal_token: 'icr_', visitor_id: 'id' };
      return Response.json(
        { ...body, expires_at: new Date(Date.now() + 10 * MINUTE_MS).toISOString() },
        { status: 201 },
      );
    };
    vi.stubGlobal('fetch', answer);
    const tokenOf = (user?: string) => {
      const payload = Buffer.from(JSON.stringify({ user_id: user })).toString('base64url');
      const identity = user === undefined ? undefined : `header.${payload}.signature`;
      return createVisitorSession({ url: 'http://gateway', chatbot: 'id', storage, identity }).getToken();
    };
    expect([await tokenOf('Ada'), await tokenOf('Ada')]).toEqual(['ics_1', 'ics_1']);
    expect([await tokenOf('Bob'), await tokenOf(), await tokenOf()]).toEqual(['ics_2', 'ics_3', 'ics_3']);
  });
});

import { describe, expect, it, vi } from 'vitest';
import { hasPostgres, POSTGRES } from '../helpers/databases.ts';
import { createDatabase, requestGraphQL } from '../helpers/gateway.ts';
import { readStore } from '../helpers/killable-gateway.ts';
import { createDataDir, startGatewayProcess } from '../helpers/process.ts';
import { mutation } from '../schema/support.ts';

const DEMO = '01900000-0000-7000-8000-000000000003';
const TEST_TIMEOUT = { timeout: 120_000 };
/** Longer than the 16 seconds after which other gateways consider a gateway dead. */
const WAIT = { timeout: 60_000, interval: 300 };
const SENT_FIELDS = 'conversation { id } userMessage { id } reply { id }';

interface Sent {
  readonly conversation: { id: string };
  readonly userMessage: { id: string };
  readonly reply: { id: string };
}

const sqlite = async () => `sqlite:${await createDataDir()}/chatgraph.db`;
const postgres = async () => (await createDatabase(POSTGRES)).url;

const takeOver = (sent: Sent) =>
  ['sendAgentMessage', { conversationId: sent.conversation.id, content: 'Ada here.', clientMessageId: 'a' }] as const;
const interrupt = (sent: Sent) =>
  ['sendMessage', { conversationId: sent.conversation.id, content: 'Instead?', whenBusy: 'INTERRUPT' }] as const;
const stop = (sent: Sent) => ['stopMessage', { id: sent.reply.id }] as const;

const REPLY_WITHOUT_TEXT = { question: 'Well?', content: '' };
const REPLY_WITH_TEXT = { question: 'Well, a word?', content: 'One ' };

const CASES = [
  {
    title: 'by a human agent who takes over, on SQLite',
    open: sqlite,
    isPossible: true,
    createMutation: takeOver,
    ...REPLY_WITHOUT_TEXT,
  },
  {
    title: 'by INTERRUPT after its first text, on SQLite',
    open: sqlite,
    isPossible: true,
    createMutation: interrupt,
    ...REPLY_WITH_TEXT,
  },
  { title: 'by stopMessage, on SQLite', open: sqlite, isPossible: true, createMutation: stop, ...REPLY_WITHOUT_TEXT },
  {
    title: 'by a human agent who takes over, on Postgres',
    open: postgres,
    isPossible: hasPostgres,
    createMutation: takeOver,
    ...REPLY_WITHOUT_TEXT,
  },
];

describe('a reply whose gateway is killed right after the commit that stops it', () => {
  for (const { title, open, isPossible, createMutation, question, content } of CASES) {
    it.runIf(isPossible)(`is STOPPED and not generated again (stopped ${title})`, TEST_TIMEOUT, async () => {
      const env = { DATA_DIR: await createDataDir(), DATABASE_URL: await open() };
      const script = 'test/process/stopping-gateway.ts';
      const first = await startGatewayProcess({ script, env });
      const mutate = async <T>(name: string, input: object, gateway = first): Promise<T> => {
        const selection = name === 'sendMessage' ? SENT_FIELDS : '__typename';
        const { data } = await requestGraphQL<Record<string, T>>(gateway, mutation(name, selection), { input });
        return data[name] as T;
      };
      const sent = await mutate<Sent>('sendMessage', { chatbotId: DEMO, content: question });
      const expectSaved = async () =>
        expect((await readStore(env.DATABASE_URL)).messages).toContainEqual(
          expect.objectContaining({ id: sent.reply.id, status: 'STREAMING', content }),
        );
      await vi.waitFor(expectSaved, WAIT);
      const [name, input] = createMutation(sent);
      await expect(mutate(name, input)).rejects.toThrow();
      expect(await first.exited).toBe('SIGKILL');

      const next = Object.assign(await startGatewayProcess({ script: 'test/process/crashing-gateway.ts', env }), {
        key: first.key,
      });
      if (name === 'sendAgentMessage') {
        expect(await mutate(name, input, next)).toMatchObject({ __typename: 'SendAgentMessagePayload' });
      }
      await vi.waitFor(async () => {
        const { messages } = await readStore(env.DATABASE_URL);
        expect(messages.filter(({ status }) => status === 'QUEUED' || status === 'STREAMING')).toEqual([]);
        const replies = messages.filter(({ role }) => role === 'ASSISTANT');
        expect(replies[0]).toMatchObject({ status: 'STOPPED', content });
        expect(replies.slice(1).map((reply) => reply.content)).toEqual(
          name === 'sendMessage' ? ['One two three.'] : [],
        );
        expect(messages.filter(({ role }) => role === 'AGENT')).toHaveLength(name === 'sendAgentMessage' ? 1 : 0);
      }, WAIT);
    });
  }
});

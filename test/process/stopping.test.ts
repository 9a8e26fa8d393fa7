import { describe, expect, it, vi } from 'vitest';
import { hasPostgres, POSTGRES } from '../helpers/databases.ts';
import { createDatabase } from '../helpers/gateway.ts';
import { readStore } from '../helpers/killable-gateway.ts';
import { createDataDir, type RunningGateway, startGatewayProcess } from '../helpers/process.ts';
import { restEvents } from '../helpers/rest-stream.ts';
import { serverSentEvents } from '../helpers/streams.ts';

const DEMO = '01900000-0000-7000-8000-000000000003';
const TEST_TIMEOUT = { timeout: 240_000 };
const WAIT = { timeout: 30_000, interval: 300 };
const QUESTION = 'How do I follow an answer while it is written?';

const DATABASES = [
  { name: 'SQLite', isPossible: true, open: async () => `sqlite:${await createDataDir()}/chatgraph.db` },
  { name: 'Postgres', isPossible: hasPostgres, open: async () => (await createDatabase(POSTGRES)).url },
];

/** The response to a chat request. */
interface ChatResponse {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly body: Record<string, string>;
}

async function chat({ url, key }: RunningGateway, message: string, idempotencyKey?: string): Promise<ChatResponse> {
  const response = await fetch(`${url}/v1/chatbots/${DEMO}/chat`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${key}`,
      'Content-Type': 'application/json',
      ...(idempotencyKey && { 'Idempotency-Key': idempotencyKey }),
    },
    body: JSON.stringify({ message, session_id: 'one' }),
  });
  const body = (await response.json()) as Record<string, string>;
  return { status: response.status, retryAfter: response.headers.get('retry-after'), body };
}

/** Starts a gateway with three chats of one session: one running, one queued, one queued with an idempotency key. */
async function startChats(databaseUrl: string) {
  const env = { DATA_DIR: await createDataDir(), DATABASE_URL: databaseUrl };
  const gateway = await startGatewayProcess({ env: { ...env, BUILTIN_DELAY_MS: '100' } });
  const readReplies = async () => {
    const { messages } = await readStore(databaseUrl);
    return messages.filter(({ role }) => role === 'ASSISTANT');
  };
  const chats: Promise<ChatResponse>[] = [];
  for (const [index, key] of [undefined, undefined, 'again'].entries()) {
    chats.push(chat(gateway, `${QUESTION} ${index}`, key));
    await vi.waitFor(async () => expect(await readReplies()).toHaveLength(index + 1), WAIT);
  }
  return { env, gateway, chats, readReplies };
}

const REFUSED_RESPONSE = { status: 503, retryAfter: '5', body: { detail: 'Service unavailable.' } };

describe.each(DATABASES.filter(({ isPossible }) => isPossible))('SIGTERM with REST chats on $name', ({ open }) => {
  it(
    'finishes the running reply, stops the queued one, and keeps the one with an idempotency key for a retry',
    TEST_TIMEOUT,
    async () => {
      const databaseUrl = await open();
      const { env, gateway, chats, readReplies } = await startChats(databaseUrl);
      const [conversation] = (await readStore(databaseUrl)).conversations;
      const readers = [
        restEvents.subscribe(gateway, { conversationId: conversation?.id ?? '' }),
        serverSentEvents.subscribe(gateway, { conversationId: conversation?.id ?? '' }),
      ];
      await Promise.all(readers.map((reader) => reader.until(({ offset }) => offset !== undefined)));
      gateway.kill('SIGTERM');
      const [runningChat, queuedChat, queuedChatWithKey] = await Promise.all(chats);
      expect(runningChat?.status).toBe(200);
      expect([queuedChat, queuedChatWithKey]).toEqual([REFUSED_RESPONSE, REFUSED_RESPONSE]);
      // Readers see a lost connection, after which clients reconnect.
      expect(await Promise.all(readers.map((reader) => reader.ended))).toEqual([expect.any(Error), expect.any(Error)]);
      expect(await gateway.exited).toBe(0);
      expect((await readReplies()).map(({ status }) => status)).toEqual(['COMPLETED', 'STOPPED', 'QUEUED']);
      expect((await readStore(databaseUrl)).usedMessages).toBe(2);

      const started = await startGatewayProcess({ env: { ...env, BUILTIN_DELAY_MS: '5' } });
      const next = Object.assign(started, { key: gateway.key });
      expect(await chat(next, `${QUESTION} 2`, 'again')).toMatchObject({ status: 200 });
      expect((await readReplies()).map(({ status }) => status)).toEqual(['COMPLETED', 'STOPPED', 'COMPLETED']);
    },
  );
});

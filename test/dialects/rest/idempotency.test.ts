import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { createScriptedEngine, delta, finish } from '../../helpers/models/engines.ts';
import { openGateway, type RestGateway } from './support.ts';

const chatWithKey = ({ chat }: RestGateway, key: string, body: object = { message: 'Hello' }) =>
  chat(body, { headers: { 'Idempotency-Key': key } });

async function countMessages({ deps, accountId }: RestGateway): Promise<number> {
  const query = deps.db.read.selectFrom('messages').select('id').where('account_id', '=', accountId);
  return (await query.execute()).length;
}

describe('a chat request with an Idempotency-Key', () => {
  it('returns the first reply when it is repeated, and is stored and counted once', async () => {
    const engine = createScriptedEngine();
    const gateway = await openGateway({ engine, env: { MONTHLY_MESSAGE_LIMIT: '1' } });
    engine.push(delta('Once.'), finish);
    const replayed: (string | null)[] = [];
    for (const key of ['a', '"a"', 'a']) {
      const response = await chatWithKey(gateway, key);
      expect([response.status, await response.text()]).toEqual([200, '{"response":"Once."}']);
      replayed.push(response.headers.get('idempotency-replayed'));
    }
    expect(replayed).toEqual([null, 'true', 'true']);
    expect(engine.questionCount).toBe(1);
    expect(await countMessages(gateway)).toBe(2);
    expect((await chatWithKey(gateway, 'b')).status).toBe(429);
  });

  it('waits for the running reply, even if it is sent 20 times concurrently', async () => {
    const engine = createScriptedEngine();
    const gateway = await openGateway({ engine });
    const client = new AbortController();
    const headers = { 'Idempotency-Key': 'a' };
    const aborted = gateway.chat({ message: 'Hello' }, { headers, signal: client.signal });
    await vi.waitFor(() => expect(engine.questionCount).toBe(1));
    client.abort();
    await expect(aborted).rejects.toThrow('aborted');

    const all = Array.from({ length: 20 }, () => chatWithKey(gateway, 'a'));
    // Each request has subscribed to the reply.
    await vi.waitFor(() => expect(gateway.deps.bus.size).toBe(20));
    engine.push(delta('Joined.'), finish);
    for (const response of await Promise.all(all)) expect(await response.text()).toBe('{"response":"Joined."}');
    expect(engine.questionCount).toBe(1);
    expect(await countMessages(gateway)).toBe(2);
  });

  it('waits again for a reply that timed out the first time', async () => {
    const engine = createScriptedEngine();
    const gateway = await openGateway({ engine, env: { CHAT_TIMEOUT_SECONDS: '1' } });
    expect((await chatWithKey(gateway, 'a')).status).toBe(504);
    engine.push(delta('Late.'), finish);
    expect(await (await chatWithKey(gateway, 'a')).text()).toBe('{"response":"Late."}');
    expect(engine.questionCount).toBe(1);
  });

  it.each([{ message: 'Goodbye' }, { message: 'Hello', session_id: 'other' }])(
    'is rejected with 422 if its key was used for another body: %o',
    async (body) => {
      const gateway = await openGateway();
      expect((await chatWithKey(gateway, 'a')).status).toBe(200);
      const response = await chatWithKey(gateway, 'a', body);
      expect(response.status).toBe(422);
      expect(await response.text()).toBe('{"detail":"This idempotency key was used for another request."}');
      expect(await countMessages(gateway)).toBe(2);
    },
  );

  it('has the same key whether or not it is in quotes', async () => {
    const gateway = await openGateway();
    await chatWithKey(gateway, '"a \\"b\\" \\\\ c"');
    await chatWithKey(gateway, 'a "b" \\ c');
    expect(await countMessages(gateway)).toBe(2);
    await chatWithKey(gateway, `"${'\\"'.repeat(255)}"`);
    expect(await countMessages(gateway)).toBe(4);
  });

  it.each([
    { title: 'an empty key', key: '', problem: 'Must not be empty.' },
    { title: 'an empty key in quotes', key: '""', problem: 'Must not be empty.' },
    { title: 'a key of blanks', key: '"  "', problem: 'Must not be empty.' },
    { title: 'a key that is too long', key: 'a'.repeat(256), problem: 'Must have at most 255 characters.' },
    {
      title: 'a key in quotes that is too long',
      key: `"${'a'.repeat(256)}"`,
      problem: 'Must have at most 255 characters.',
    },
    { title: 'a key without its closing quote', key: '"a', problem: 'Must be a string in quotes, or bare.' },
    { title: 'a key with text after its closing quote', key: '"a" b', problem: 'Must be a string in quotes, or bare.' },
  ])('is rejected with 400 for $title', async ({ key, problem }) => {
    const gateway = await openGateway();
    const response = await chatWithKey(gateway, key);
    expect(response.status).toBe(400);
    expect(await response.text()).toBe(`{"detail":"Idempotency-Key: ${problem}"}`);
    expect(await countMessages(gateway)).toBe(0);
  });

  it('is rejected with 400 for a key that contains NUL', async () => {
    const gateway = await openGateway();
    const { hostname, port } = new URL(gateway.url);
    const socket = connect(Number(port), hostname);
    socket.end(
      `POST /v1/chatbots/${gateway.chatbotId}/chat HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${gateway.key}\r\n` +
        'Content-Type: application/json\r\nContent-Length: 19\r\nIdempotency-Key: a\0b\r\n\r\n{"message":"Hello"}',
    );
    const [responseBytes] = (await once(socket, 'data')) as [Buffer];
    expect(responseBytes.toString()).toMatch(/^HTTP\/1\.1 400 /);
    expect(await countMessages(gateway)).toBe(0);
  });

  it('is allowed by CORS for an allowed origin', async () => {
    const gateway = await openGateway({ env: { ALLOWED_ORIGINS: 'https://shop.example' } });
    const { headers } = await gateway.fetch(`/v1/chatbots/${gateway.chatbotId}/chat`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://shop.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type,idempotency-key',
      },
    });
    expect(headers.get('access-control-allow-headers')).toContain('idempotency-key');
  });
});

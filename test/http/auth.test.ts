import { describe, expect, it, onTestFinished } from 'vitest';
import { createChatbot, send } from '../helpers/chatbots.ts';
import { createManualClock } from '../helpers/clock.ts';
import { startGateway } from '../helpers/gateway.ts';
import { errorCodesOf, openSocket } from '../helpers/sockets.ts';

const LIMIT = 3;
const TYPING_LIMIT = 10 * LIMIT;

const typingFields = (conversationId: string, count = 1) =>
  Array.from(
    { length: count },
    (_, index) => `t${index}: setTyping(input: { conversationId: "${conversationId}", isTyping: true }) { __typename }`,
  ).join(' ');

/** Starts a gateway with a small limit, and a key that has not used any of it. */
async function open() {
  const clock = createManualClock();
  // The test cannot advance the clock of a Redis.
  const env = { RATE_LIMIT_PER_MINUTE: String(LIMIT), REDIS_URL: '' };
  const gateway = await startGateway({ env, overrides: { clock } });
  onTestFinished(() => gateway.close());
  const { conversationId } = await send(gateway, { chatbotId: await createChatbot(gateway), content: 'Hi' });
  const key = await gateway.createKey(gateway.accountId, ['READ', 'CHAT', 'MANAGE']);
  const run = (document: string) => gateway.graphql(document, {}, key);
  const setTyping = (count?: number) => run(`mutation { ${typingFields(conversationId, count)} }`);
  return { gateway, clock, key, conversationId, run, setTyping };
}

const remainingOf = ({ headers }: { headers: Headers }) => /r=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1];

describe('setTyping', () => {
  it('costs no request, and works when the requests of the key are used up', async () => {
    const { clock, run, setTyping } = await open();
    for (let n = 0; n < 2 * LIMIT; n++) expect(remainingOf(await setTyping())).toBe(String(LIMIT));
    for (let n = LIMIT - 1; n >= 0; n--) expect(remainingOf(await run('{ viewer { kind } }'))).toBe(String(n));
    const allowed = await setTyping();
    expect([allowed.status, errorCodesOf(allowed)]).toEqual([200, []]);

    const refused = await run('{ viewer { kind } }');
    expect([refused.status, errorCodesOf(refused)]).toEqual([429, ['RATE_LIMITED']]);
    expect(refused.headers.get('retry-after')).toBe('60');
    expect((await run('mutation { deleteSource(input: { id: "1" }) { __typename } }')).status).toBe(429);
    clock.advance(60_000);
    expect(remainingOf(await run('{ viewer { kind } }'))).toBe(String(LIMIT - 1));
  });

  it('has a limit of its own, which counts each field', async () => {
    const { clock, run, setTyping } = await open();
    for (let n = 0; n < TYPING_LIMIT - 10; n += 10) await setTyping(10);
    expect((await setTyping(10)).errors).toBeUndefined();
    const refused = await setTyping();
    expect(refused.status).toBe(429);
    expect(refused.errors).toEqual([
      {
        message: `API rate limit exceeded. Max ${TYPING_LIMIT} typing indicators per minute.`,
        extensions: { code: 'RATE_LIMITED', retryAfterMs: 60_000 },
      },
    ]);
    clock.advance(60_000);
    expect((await setTyping()).errors).toBeUndefined();
    expect((await run('{ viewer { kind } }')).errors).toBeUndefined();
  });

  it('counts as a request in a mutation that does more', async () => {
    const { run, conversationId } = await open();
    const mixed = `mutation { ${typingFields(conversationId, 2)} deleteSource(input: { id: "1" }) { __typename } }`;
    expect(remainingOf(await run(mixed))).toBe(String(LIMIT - 3));
    expect((await run(mixed)).status).toBe(429);
  });

  it('has the same limit on a WebSocket', async () => {
    const { gateway, key, conversationId } = await open();
    const socket = await openSocket(gateway, { authorization: `Bearer ${key}` });
    const typing = `mutation { ${typingFields(conversationId)} }`;
    for (let n = 0; n < LIMIT; n++) {
      expect(errorCodesOf(await socket.execute(typing))).toEqual([]);
      expect(errorCodesOf(await socket.execute('{ viewer { kind } }'))).toEqual([]);
    }
    expect(errorCodesOf(await socket.execute('{ viewer { kind } }'))).toEqual(['RATE_LIMITED']);
    expect(errorCodesOf(await socket.execute(typing))).toEqual([]);
  });

  it('leaves no key without a limit: operations that are read although its requests are used up are counted', async () => {
    const { run, setTyping } = await open();
    for (let n = 0; n < LIMIT + TYPING_LIMIT; n++) await run('{ viewer { kind } }');
    expect((await setTyping()).status).toBe(429);
  });
});

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it, vi } from 'vitest';
import { createDatabase, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { type Running, runProgram, startProgram } from '../helpers/process.ts';
import { captureLeads, startWebhookGateway, subscribeEndpoint, WEBHOOK_ENV } from '../helpers/webhooks/gateway.ts';
import { answer, failTimes, startReceiver } from '../helpers/webhooks/receivers.ts';
import { writeDelivery } from '../helpers/webhooks/webhooks.ts';
import { mutate } from '../schema/support.ts';

const WAIT = { timeout: 10_000, interval: 20 };

/** Runs `webhooks listen` in its own process, and waits until it is subscribed. */
async function startListening({ url, key, deps }: TestGateway, ...args: string[]): Promise<Running> {
  const listening = startProgram({ args: ['webhooks', 'listen', '--url', url, ...args], env: { CHATGRAPH_KEY: key } });
  await listening.until('stderr', /^Listening to http/m);
  await vi.waitFor(() => expect(deps.bus.size).toBe(1), WAIT);
  return listening;
}

const linesOf = ({ stdout }: Running) => stdout.split('\n').slice(0, -1);
const jsonOf = (running: Running) => linesOf(running).map((line) => JSON.parse(line));

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('webhooks listen', () => {
  it('prints each delivery as it happens, as plain text outside a terminal, and exits with 0 on Ctrl-C', async () => {
    const gateway = await startWebhookGateway();
    const receiver = await startReceiver();
    const id = await subscribeEndpoint(gateway, receiver.url);
    const listening = await startListening(gateway);
    await captureLeads(gateway);
    await listening.until('stdout', /DELIVERED/);
    expect(linesOf(listening).at(-1)).toMatch(
      new RegExp(
        `^\\d\\d:\\d\\d:\\d\\d {2}DELIVERED {2}lead\\.captured +${id} {2}attempt 1: 200 in \\d+ ms {2}\\{"event":"lead\\.captured".*$`,
      ),
    );
    expect(listening.stdout).not.toContain('\u001b');
    listening.kill('SIGINT');
    expect(await listening.exited).toBe(0);
    expect(listening.stderr).toBe(`Listening to ${gateway.url}. Ctrl-C ends it.\n`);
  });

  it('escapes all terminal control characters in a payload', async () => {
    const gateway = await startWebhookGateway();
    const id = await subscribeEndpoint(gateway, (await startReceiver()).url);
    const body = `{"a":"\u009b31m\u202e${'x'.repeat(500)}"}`;
    const delivery = await writeDelivery(gateway, id, { status: 'EXHAUSTED', body });
    const listening = await startListening(gateway);
    await mutate(gateway, 'redeliverWebhook', { deliveryId: delivery.id });
    await listening.until('stdout', /\{"a":"\ufffd31m\ufffdx+…\n/);
    expect(listening.stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it('prints one JSON value per line with --json, only for the subscription in --subscription', async () => {
    const gateway = await startWebhookGateway();
    const receiver = await startReceiver(answer(503));
    const id = await subscribeEndpoint(gateway, receiver.url);
    await subscribeEndpoint(gateway, receiver.url);
    const listening = await startListening(gateway, '--json', '--subscription', id);
    await captureLeads(gateway, 2);
    await vi.waitFor(() => expect(jsonOf(listening).filter(({ status }) => status === 'FAILED')).toHaveLength(2), WAIT);
    for (const line of jsonOf(listening)) expect(line).toMatchObject({ event: 'LEAD_CAPTURED', subscription: { id } });
    expect(jsonOf(listening).find(({ status }) => status === 'FAILED')).toMatchObject({
      payload: expect.stringMatching(/^\{"event":"lead\.captured"/),
      attempts: [{ number: 1, statusCode: 503, error: 'answered 503' }],
    });
    expect(listening.stdout).not.toContain('webhook-signature');
  });

  it("forwards each payload once with its endpoint's signature, and prints the local server's response", async () => {
    const gateway = await startWebhookGateway({ env: { WEBHOOK_RETRY_SCHEDULE: '0,0' } });
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    const receiver = await startReceiver(failTimes(2));
    await subscribeEndpoint(gateway, receiver.url, { secret, headers: { 'x-token': 'of the endpoint alone' } });
    const local = await startReceiver(answer(418));
    const listening = await startListening(gateway, '--forward', local.url);
    await captureLeads(gateway);
    await listening.until('stdout', /DELIVERED/);
    await listening.until('stdout', new RegExp(`→ ${local.url} {2}answered 418 in \\d+ ms\n`));
    await captureLeads(gateway);
    await vi.waitFor(() => expect(local.received).toHaveLength(2), WAIT);
    expect(local.received[0]?.body).toBe(receiver.received[0]?.body);
    for (const { body, headers } of local.received) {
      expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toEqual(JSON.parse(body));
      const original = receiver.received.find((request) => request.headers['webhook-id'] === headers['webhook-id']);
      expect(headers['x-insitechat-signature']).toBe(original?.headers['x-insitechat-signature']);
      const { 'x-token': token, ...others } = original?.headers ?? {};
      expect(token).toBe('of the endpoint alone');
      expect(Object.keys(headers)).toEqual(expect.arrayContaining(Object.keys(others)));
      expect(headers).not.toHaveProperty('x-token');
    }
  });

  it('prints why a local server is unreachable, and continues', async () => {
    const gateway = await startWebhookGateway();
    await subscribeEndpoint(gateway, (await startReceiver()).url);
    const unusedUrl = `http://127.0.0.1:${await findFreePort()}`;
    const listening = await startListening(gateway, '--json', '--forward', `${unusedUrl}/hook`);
    await captureLeads(gateway);
    await listening.until('stdout', /"forwardedTo".*\n/);
    expect(jsonOf(listening).find(({ forwardedTo }) => forwardedTo)).toMatchObject({
      forwardedTo: `${unusedUrl}/hook`,
      statusCode: null,
      error: expect.stringMatching(/^connect ECONNREFUSED/),
    });
    await captureLeads(gateway);
    await vi.waitFor(() => expect(jsonOf(listening).filter(({ forwardedTo }) => forwardedTo)).toHaveLength(2), WAIT);
  });

  it('reconnects after the gateway has been unavailable', async () => {
    const database = await createDatabase();
    const env = { ...WEBHOOK_ENV, PORT: `${await findFreePort()}` };
    const before = await startGateway({ database, env });
    const receiver = await startReceiver();
    const listening = await startListening(before);
    await before.close();
    await listening.until('stderr', /Trying again\.\n/);
    const after = await startWebhookGateway({ database, env });
    await listening.until('stderr', /Listening again\./);
    await vi.waitFor(() => expect(after.deps.bus.size).toBe(1), WAIT);
    await subscribeEndpoint({ ...after, accountId: before.accountId }, receiver.url);
    await captureLeads({ ...after, accountId: before.accountId });
    await listening.until('stdout', /DELIVERED/);
  });

  it('rejects unusable arguments with exit code 1 and one line', async () => {
    const gateway = await startWebhookGateway();
    const weak = await gateway.createKey(gateway.accountId, ['READ', 'CHAT']);
    const manager = await gateway.createKey(gateway.accountId, ['CHAT', 'MANAGE']);
    const { url, key } = gateway;
    const unusedUrl = `http://127.0.0.1:${await findFreePort()}`;
    const refusals: [string[], RegExp][] = [
      [['--url', url], /^Give a key by --key ic_… or CHATGRAPH_KEY\.\n$/],
      [['--url', 'nonsense', '--key', key], /^--url must be an address/],
      [['--url', url, '--key', key, '--forward', 'localhost:3000'], /^--forward must be an address/],
      [['--url', unusedUrl, '--key', key], /^There is no gateway at http:\S+: connect ECONNREFUSED .*\.\n$/],
      [['--url', url, '--key', 'ic_nonsense'], /^The gateway does not know this key, or it was revoked\.\n$/],
      [['--url', url, '--key', weak], /^The key may not do this: it needs the scope MANAGE\.\n$/],
      [['--url', url, '--key', manager], /^The key may not do this: it needs the scope READ\.\n$/],
      [['--url', url, '--key', key, '--subscription', 'no'], /^There is no webhook subscription no\.\n$/],
    ];
    for (const [args, line] of refusals) {
      const { code, stdout, stderr } = await runProgram({ args: ['webhooks', 'listen', ...args] });
      expect([args, code, stdout]).toEqual([args, 1, '']);
      expect(stderr).toMatch(line);
    }
  });
});

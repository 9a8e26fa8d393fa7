import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it, vi } from 'vitest';
import { createDatabase, startGateway, type TestGateway } from '../helpers/gateway.ts';
import { type RunningProgram, runProgram, startProgram } from '../helpers/process.ts';
import { captureLeads, startWebhookGateway, subscribeEndpoint, WEBHOOK_ENV } from '../helpers/webhooks/gateway.ts';
import { failTimes, respond, startReceiver } from '../helpers/webhooks/receivers.ts';
import { storeDelivery } from '../helpers/webhooks/webhooks.ts';
import { mutate } from '../schema/support.ts';

const WAIT = { timeout: 10_000, interval: 20 };

/** Runs `webhooks listen` in its own process, and waits until it is subscribed. */
async function startListening({ url, key, deps }: TestGateway, ...args: string[]): Promise<RunningProgram> {
  const listener = startProgram({ args: ['webhooks', 'listen', '--url', url, ...args], env: { CHATGRAPH_KEY: key } });
  await listener.waitForOutput('stderr', /^Listening to http/m);
  await vi.waitFor(() => expect(deps.bus.size).toBe(1), WAIT);
  return listener;
}

const linesOf = ({ stdout }: RunningProgram) => stdout.split('\n').slice(0, -1);
const jsonOf = (running: RunningProgram) => linesOf(running).map((line) => JSON.parse(line));

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
    const listener = await startListening(gateway);
    await captureLeads(gateway);
    await listener.waitForOutput('stdout', /DELIVERED/);
    expect(linesOf(listener).at(-1)).toMatch(
      new RegExp(
        `^\\d\\d:\\d\\d:\\d\\d {2}DELIVERED {2}lead\\.captured +${id} {2}attempt 1: 200 in \\d+ ms {2}\\{"event":"lead\\.captured".*$`,
      ),
    );
    expect(listener.stdout).not.toContain('\u001b');
    listener.kill('SIGINT');
    expect(await listener.exited).toBe(0);
    expect(listener.stderr).toBe(`Listening to ${gateway.url}. Ctrl-C ends it.\n`);
  });

  it('escapes all terminal control characters in a payload', async () => {
    const gateway = await startWebhookGateway();
    const id = await subscribeEndpoint(gateway, (await startReceiver()).url);
    const body = `{"a":"\u009b31m\u202e${'x'.repeat(500)}"}`;
    const delivery = await storeDelivery(gateway, id, { status: 'EXHAUSTED', body });
    const listener = await startListening(gateway);
    await mutate(gateway, 'redeliverWebhook', { id: delivery.id });
    await listener.waitForOutput('stdout', /\{"a":"\ufffd31m\ufffdx+…\n/);
    expect(listener.stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it('prints one JSON value per line with --json, only for the subscription in --subscription', async () => {
    const gateway = await startWebhookGateway();
    const receiver = await startReceiver(respond(503));
    const id = await subscribeEndpoint(gateway, receiver.url);
    await subscribeEndpoint(gateway, receiver.url);
    const listener = await startListening(gateway, '--json', '--subscription', id);
    await captureLeads(gateway, 2);
    await vi.waitFor(() => expect(jsonOf(listener).filter(({ status }) => status === 'FAILED')).toHaveLength(2), WAIT);
    for (const line of jsonOf(listener)) expect(line).toMatchObject({ event: 'LEAD_CAPTURED', subscription: { id } });
    expect(jsonOf(listener).find(({ status }) => status === 'FAILED')).toMatchObject({
      payload: expect.stringMatching(/^\{"event":"lead\.captured"/),
      attempts: [{ number: 1, statusCode: 503, error: 'answered 503' }],
    });
    expect(listener.stdout).not.toContain('webhook-signature');
  });

  it("forwards each payload once with its endpoint's signature, and prints the local server's response", async () => {
    const gateway = await startWebhookGateway({ env: { WEBHOOK_RETRY_SCHEDULE: '0,0' } });
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    const receiver = await startReceiver(failTimes(2));
    await subscribeEndpoint(gateway, receiver.url, { secret, headers: { 'x-token': 'of the endpoint alone' } });
    const local = await startReceiver(respond(418));
    const listener = await startListening(gateway, '--forward', local.url);
    await captureLeads(gateway);
    await listener.waitForOutput('stdout', /DELIVERED/);
    await listener.waitForOutput('stdout', new RegExp(`→ ${local.url} {2}answered 418 in \\d+ ms\n`));
    await captureLeads(gateway);
    await vi.waitFor(() => expect(local.received).toHaveLength(2), WAIT);
    await vi.waitFor(() => expect(receiver.received.length).toBeGreaterThan(3), WAIT);
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
    const listener = await startListening(gateway, '--json', '--forward', `${unusedUrl}/hook`);
    await captureLeads(gateway);
    await listener.waitForOutput('stdout', /"forwardedTo".*\n/);
    expect(jsonOf(listener).find(({ forwardedTo }) => forwardedTo)).toMatchObject({
      forwardedTo: `${unusedUrl}/hook`,
      statusCode: null,
      error: expect.stringMatching(/^connect ECONNREFUSED/),
    });
    await captureLeads(gateway);
    await vi.waitFor(() => expect(jsonOf(listener).filter(({ forwardedTo }) => forwardedTo)).toHaveLength(2), WAIT);
  });

  it('reconnects after the gateway has been unavailable', async () => {
    const database = await createDatabase();
    const env = { ...WEBHOOK_ENV, PORT: `${await findFreePort()}` };
    const before = await startGateway({ database, env });
    const receiver = await startReceiver();
    const listener = await startListening(before);
    await before.close();
    await listener.waitForOutput('stderr', /Trying again\.\n/);
    const after = await startWebhookGateway({ database, env });
    await listener.waitForOutput('stderr', /Listening again\./);
    await vi.waitFor(() => expect(after.deps.bus.size).toBe(1), WAIT);
    await subscribeEndpoint({ ...after, accountId: before.accountId }, receiver.url);
    await captureLeads({ ...after, accountId: before.accountId });
    await listener.waitForOutput('stdout', /DELIVERED/);
  });

  it('rejects unusable arguments with exit code 1 and one line', async () => {
    const gateway = await startWebhookGateway();
    const keyWithoutManage = await gateway.createKey(gateway.accountId, ['READ', 'CHAT']);
    const keyWithoutRead = await gateway.createKey(gateway.accountId, ['CHAT', 'MANAGE']);
    const { url, key } = gateway;
    const unusedUrl = `http://127.0.0.1:${await findFreePort()}`;
    const refusals: [string[], RegExp][] = [
      [['--url', url], /^Give a key by --key ic_… or CHATGRAPH_KEY\.\n$/],
      [['--url', 'nonsense', '--key', key], /^--url must be an address/],
      [['--url', url, '--key', key, '--forward', 'localhost:3000'], /^--forward must be an address/],
      [['--url', unusedUrl, '--key', key], /^There is no gateway at http:\S+: connect ECONNREFUSED .*\.\n$/],
      [['--url', url, '--key', 'ic_nonsense'], /^The gateway does not know this key, or it was revoked\.\n$/],
      [['--url', url, '--key', keyWithoutManage], /^The key may not do this: it needs READ and MANAGE\.\n$/],
      [['--url', url, '--key', keyWithoutRead], /^The key may not do this: it needs READ and MANAGE\.\n$/],
      [['--url', url, '--key', key, '--subscription', 'no'], /^There is no webhook subscription no\.\n$/],
    ];
    for (const [args, line] of refusals) {
      const { code, stdout, stderr } = await runProgram({ args: ['webhooks', 'listen', ...args] });
      expect([args, code, stdout]).toEqual([args, 1, '']);
      expect(stderr).toMatch(line);
    }
  });
});

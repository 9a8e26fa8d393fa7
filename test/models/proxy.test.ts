import { expect, it } from 'vitest';
import { listSecretLocations, sendAndWait, startHostedGateway } from '../helpers/models/hosted-gateway.ts';
import { startProxy } from '../helpers/outbound/proxy.ts';
import { readMessage } from '../helpers/streams.ts';

const PASSWORD = 'the-password-of-the-proxy';
const TEXT = ['Refunds are', ' paid within', ' ten days.'];

it('a model streams through the proxy, and a reply names the proxy if it fails', async () => {
  let status: number | undefined;
  const proxy = await startProxy({ credentials: `me:${PASSWORD}`, refuse: () => status });
  const hosted = await startHostedGateway(['open'], { HTTP_PROXY: proxy.url.replace('//', `//me:${PASSWORD}@`) });
  const { gateway, fakeProviders, createChatbot } = hosted;
  fakeProviders.open?.respondWith({ text: TEXT, delayMs: 30 });
  const chatbotId = await createChatbot('open');

  const answered = await sendAndWait(gateway, chatbotId);
  expect(answered.reader.text).toBe(TEXT.join(''));
  const deltas = answered.reader.events.filter(({ __typename }) => __typename === 'MessageDelta');
  expect(deltas.length).toBeGreaterThan(1);
  expect(proxy.received[0]?.target).toBe(`${fakeProviders.open?.url}/chat/completions`);
  const requestCount = fakeProviders.open?.requests.length;

  status = 407;
  const refused = await sendAndWait(gateway, chatbotId);
  expect(await readMessage(gateway, refused.replyId)).toMatchObject({
    status: 'FAILED',
    error: { code: 'PROVIDER_MISCONFIGURED' },
  });
  expect(JSON.stringify(gateway.logs)).toContain('The proxy requires a valid user name and password (407).');
  expect(fakeProviders.open?.requests).toHaveLength(requestCount ?? 0);
  expect(await listSecretLocations(gateway, PASSWORD)).toEqual([]);
  expect(await listSecretLocations(gateway, `me:${PASSWORD}`)).toEqual([]);
});

it("an account's own model is reached through the proxy at the address that the gateway has checked", async () => {
  const { fakeProviders } = await startHostedGateway(['open']);
  const proxy = await startProxy();
  const env = { SECRET_KEY: '5e'.repeat(32), SSRF_ALLOW_CIDRS: '127.0.0.0/8', http_proxy: proxy.url };
  const { gateway } = await startHostedGateway([], env);
  const baseUrl = fakeProviders.open?.url.replace('127.0.0.1', 'localhost');
  const set = (url: string | undefined) =>
    gateway.graphql<{ setProviderKey: object }>(
      `mutation ($url: String) { setProviderKey(input: { provider: "open", baseUrl: $url }) {
        __typename ... on InvalidInputError { message }
      } }`,
      { url },
    );
  expect((await set(baseUrl)).data.setProviderKey).toMatchObject({ __typename: 'SetProviderKeyPayload' });
  expect((await set('http://10.1.2.3/v1')).data.setProviderKey).toMatchObject({
    __typename: 'InvalidInputError',
    message: expect.stringContaining('SSRF_ALLOW_CIDRS'),
  });
  const test = await gateway.graphql<{ testProvider: object }>(
    `mutation { testProvider(input: { provider: "open", model: "model-1" }) {
      __typename ... on TestProviderPayload { error { code message } }
    } }`,
  );
  expect(test.data.testProvider).toEqual({ __typename: 'TestProviderPayload', error: null });
  expect(proxy.received).toMatchObject([
    { target: `${fakeProviders.open?.url}/chat/completions`, host: new URL(baseUrl ?? '').host },
  ]);
});

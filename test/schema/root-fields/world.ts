import { onTestFinished } from 'vitest';
import { issueApiKey } from '../../../src/access/api-keys.ts';
import type { AnswerEngine } from '../../../src/answer/engine.ts';
import type { Scope } from '../../../src/domain/entities.ts';
import type { IdKind } from '../../../src/domain/ids.ts';
import { monthOf, toTimestamp } from '../../../src/domain/time.ts';
import { insertWarning } from '../../../src/store/quota-warnings.ts';
import { createChatbot, send } from '../../helpers/chatbots.ts';
import { startGateway, type Tenant, type TestGateway } from '../../helpers/gateway.ts';
import { delta, finish } from '../../helpers/models/engines.ts';
import { createMember } from '../../helpers/oidc/members.ts';
import { webSocket } from '../../helpers/streams.ts';
import { SECRET_KEY, storeDelivery, subscribe } from '../../helpers/webhooks/webhooks.ts';
import { mutate } from '../support.ts';

/** The monthly quota of each account: more replies than the tests request. */
const QUOTA = 100_000;
/** The name of the keys beside those of the tests, of which an account has at most one. */
export const SPARE = 'Spare';
/** A message whose reply does not end before the gateway closes. */
const UNANSWERED = 'Wait for me.';

/** The ids of a conversation with its last message of the visitor and the reply to it. */
type Sent = Awaited<ReturnType<typeof send>>;

/** The kinds of objects that an argument can name. */
export type NamedKind = Exclude<IdKind, 'conversationEvent'>;

/** An account with an object of each kind. */
export interface World extends TestGateway {
  /** The id of an object of each kind. */
  readonly ids: Readonly<Record<NamedKind, string>>;
  /** The finished reply to the message. */
  readonly replyId: string;
  /** A conversation whose reply is not finished. */
  readonly unfinished: Sent;
  /** A conversation of a paused chatbot. */
  readonly paused: Sent;
  readonly pausedChatbotId: string;
  /** The id of a webhook subscription that is switched off, and of a delivery to it. */
  readonly disabledWebhook: { readonly id: string; readonly deliveryId: string };
  /** Runs a mutation, and returns what `selection` selects from its payload. */
  run<T>(name: string, input: object, selection?: string): Promise<T>;
  /** Creates a key with these scopes in place of the last spare key, so that the account has a key left to create. */
  createSpareKey(scopes: readonly Scope[]): Promise<{ id: string; secret: string }>;
  /** Revokes the spare key. */
  revokeSpareKeys(): Promise<unknown>;
  /** Uses up the quota until the end of the test. */
  exhaustQuota(): Promise<void>;
}

/** A gateway with two accounts, which have the same objects. */
export interface Worlds {
  readonly own: World;
  readonly foreign: World;
  /** Creates another set of the objects of the account `own`, of chatbots of its own. */
  createSibling(): Promise<World>;
  close(): Promise<void>;
}

/** Starts the gateway, and creates its accounts. */
export async function openWorlds(): Promise<Worlds> {
  const end = Promise.withResolvers<void>();
  const engine: AnswerEngine = {
    async *answer({ content }) {
      if (content === UNANSWERED) await end.promise;
      yield delta('Yes.');
      yield finish;
    },
  };
  const env = { SECRET_KEY, MONTHLY_MESSAGE_LIMIT: String(QUOTA) };
  const gateway = await startGateway({ env, overrides: { engines: new Map([['builtin', engine]]) } });
  return {
    own: await createWorld(gateway, gateway),
    foreign: await createWorld(gateway, await gateway.createTenant()),
    createSibling: () => createWorld(gateway, gateway),
    close: () => {
      end.resolve();
      return gateway.close();
    },
  };
}

async function createWorld(shared: TestGateway, tenant: Tenant): Promise<World> {
  const { accountId, key } = tenant;
  const gateway: TestGateway = {
    ...shared,
    accountId,
    key,
    graphql: (query, variables, givenKey = key) => shared.graphql(query, variables, givenKey),
  };
  const run: World['run'] = (name, input, selection) => mutate(gateway, name, input, selection ? { selection } : {});
  const chatbotId = await createChatbot(gateway, { sources: ['The tower is tall.'] });
  const pausedChatbotId = await createChatbot(gateway);
  const [sent, paused] = await Promise.all(
    [chatbotId, pausedChatbotId].map((id) => send(gateway, { chatbotId: id, content: 'Hello' })),
  );
  if (sent === undefined || paused === undefined) throw new Error('A message was not sent.');
  await Promise.all([sent, paused].map(({ replyId: messageId }) => webSocket.subscribe(gateway, { messageId }).ended));
  await run('updateChatbot', { id: pausedChatbotId, isActive: false });
  const disabled = await subscribe(gateway);
  await run('updateWebhookSubscription', { id: disabled.id, isActive: false });
  await insertQuotaWarning(gateway);
  return {
    ...gateway,
    ...createKeyFunctions(gateway),
    run,
    ids: await createObjects(gateway, chatbotId, sent),
    replyId: sent.replyId,
    unfinished: await send(gateway, { chatbotId, content: UNANSWERED }),
    paused,
    pausedChatbotId,
    disabledWebhook: { id: disabled.id, deliveryId: (await storeDelivery(gateway, disabled.id)).id },
    exhaustQuota: () => exhaustQuota(gateway),
  };
}

async function createObjects(gateway: TestGateway, chatbotId: string, sent: Sent): Promise<World['ids']> {
  const { conversationId, messageId } = sent;
  const { lead } = await mutate<{ lead: { id: string } }>(
    gateway,
    'captureLead',
    { conversationId, email: 'ada@example.com' },
    { selection: 'lead { id }' },
  );
  await mutate(gateway, 'assignConversation', { id: conversationId, assignee: 'Ada' });
  await mutate(gateway, 'sendMessage', { chatbotId, content: 'I am Ada.', visitor: { externalId: 'ada' } });
  await mutate(gateway, 'createSessionToken', { chatbotId, visitor: { externalId: 'ada' } });
  const { read } = gateway.deps.db;
  const findId = async (
    table: 'sources' | 'passages' | 'api_keys' | 'conversation_activities' | 'visitors' | 'session_tokens',
  ) => {
    const rows = read.selectFrom(table).select('id').where('account_id', '=', gateway.accountId);
    return (await rows.orderBy('id', 'desc').executeTakeFirstOrThrow()).id;
  };
  const pushed = await mutate<{ manifest: { id: string; operations: { nodes: { id: string }[] } } }>(
    gateway,
    'pushOperations',
    { name: 'web', documents: [{ document: '{ viewer { id } }' }] },
    { selection: 'manifest { id operations { nodes { id } } }' },
  );
  const webhook = await subscribe(gateway);
  const delivery = await storeDelivery(gateway, webhook.id);
  return {
    account: gateway.accountId,
    apiKey: await findId('api_keys'),
    chatbot: chatbotId,
    source: await findId('sources'),
    passage: await findId('passages'),
    conversation: conversationId,
    message: messageId,
    lead: lead.id,
    member: (await createMember(gateway)).id,
    webhookSubscription: webhook.id,
    webhookDelivery: delivery.id,
    webhookEvent: delivery.eventId,
    conversationActivity: await findId('conversation_activities'),
    visitor: await findId('visitors'),
    operationManifest: pushed.manifest.id,
    operation: pushed.manifest.operations.nodes[0]?.id ?? '',
    sessionToken: await findId('session_tokens'),
  };
}

function createKeyFunctions({ accountId, deps }: TestGateway): Pick<World, 'createSpareKey' | 'revokeSpareKeys'> {
  const revokeSpareKeys = () =>
    deps.db.transaction((trx) =>
      trx
        .updateTable('api_keys')
        .set({ revoked_at: toTimestamp(deps.clock.now()) })
        .where('account_id', '=', accountId)
        .where('name', '=', SPARE)
        .execute(),
    );
  return {
    revokeSpareKeys,
    createSpareKey: async (scopes) => {
      await revokeSpareKeys();
      const { apiKey, secret } = await deps.db.transaction((trx) =>
        issueApiKey(trx, deps.clock.now(), accountId, { name: SPARE, scopes }),
      );
      return { id: apiKey.id, secret };
    },
  };
}

async function insertQuotaWarning({ accountId, deps }: TestGateway): Promise<void> {
  const now = deps.clock.now();
  const warning = { accountId, month: monthOf(now), percent: 80, used: 8, limit: 10, at: toTimestamp(now) };
  await deps.db.transaction((trx) => insertWarning(trx, warning));
}

async function exhaustQuota({ accountId, deps }: TestGateway): Promise<void> {
  const setUsed = (messages: number) =>
    deps.db.transaction((trx) =>
      trx.updateTable('usage').set({ messages }).where('account_id', '=', accountId).execute(),
    );
  await setUsed(QUOTA);
  onTestFinished(async () => void (await setUsed(0)));
}

import { CHAT_DOCUMENTS } from '../../src/operations/documents.ts';
import { type ChatbotOptions, createChatbot } from '../helpers/chatbots.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { mutate } from '../schema/support.ts';

/** The origin of the pages in the tests. */
export const SHOP = 'https://shop.example';

/** A session as REST returns it. */
export interface RestSession {
  readonly token: string;
  readonly expires_at: string;
  readonly renewal_token: string;
  readonly visitor_id: string;
}

/** Creates a public chatbot for pages of `SHOP`. */
export async function createPublicChatbot(
  gateway: TestGateway,
  options: ChatbotOptions & { readonly origins?: readonly string[] } = {},
): Promise<string> {
  const { origins = [SHOP], ...fields } = options;
  const id = await createChatbot(gateway, fields);
  // The client sends the documents of the built-in manifest.
  const documents = [...CHAT_DOCUMENTS.map(({ document }) => ({ document })), { document: '{ viewer { kind } }' }];
  await mutate(gateway, 'pushOperations', { name: MANIFEST, documents });
  await mutate(gateway, 'updateChatbot', {
    ...{ id, isPublic: true, allowedOrigins: origins },
    sessionOperations: MANIFEST,
  });
  return id;
}

/** The manifest of the public chatbots in the tests. */
const MANIFEST = 'tests';
/** The documents in the manifests of the accounts. */
const allowedDocuments = new Map<string, Set<string>>();

/** Lets the sessions of public chatbots run a document; an invalid one is never pushed. */
export async function allowDocument(gateway: TestGateway, document: string): Promise<void> {
  const allowed = allowedDocuments.get(gateway.accountId) ?? new Set();
  allowedDocuments.set(gateway.accountId, allowed);
  if (allowed.has(document)) return;
  await mutate(gateway, 'pushOperations', { name: MANIFEST, documents: [{ document }] });
  allowed.add(document);
}

/** Requests a session of a public chatbot. */
export function requestSession(
  gateway: Pick<TestGateway, 'fetch'>,
  chatbotId: string,
  { origin = SHOP, body }: { origin?: string | null; body?: object } = {},
): Promise<Response> {
  return gateway.fetch(`/v1/chatbots/${chatbotId}/sessions`, {
    method: 'POST',
    headers: { ...(origin !== null && { origin }), ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
}

/** Opens a session of a public chatbot. */
export async function openSession(
  gateway: Pick<TestGateway, 'fetch'>,
  chatbotId: string,
  options?: { origin?: string; body?: object },
): Promise<RestSession> {
  const response = await requestSession(gateway, chatbotId, options);
  if (response.status !== 201) throw new Error(`No session: ${response.status} ${await response.text()}`);
  return (await response.json()) as RestSession;
}

/** Requests the renewal of a session. */
export function requestRenewal(
  gateway: Pick<TestGateway, 'fetch'>,
  renewalToken: string,
  { origin = SHOP, body = {} }: { origin?: string | null; body?: object } = {},
): Promise<Response> {
  return gateway.fetch('/v1/sessions/renew', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(origin !== null && { origin }) },
    body: JSON.stringify({ renewal_token: renewalToken, ...body }),
  });
}

/** Renews a session. */
export async function renew(gateway: Pick<TestGateway, 'fetch'>, renewalToken: string): Promise<RestSession> {
  const response = await requestRenewal(gateway, renewalToken);
  if (response.status !== 200) throw new Error(`Not renewed: ${response.status} ${await response.text()}`);
  return (await response.json()) as RestSession;
}

/** Runs an operation with a session token, from a page whose manifest has the document. */
export async function askWith(
  gateway: TestGateway,
  token: string,
  query: string,
  { variables = {}, origin = SHOP }: { variables?: object; origin?: string | null } = {},
) {
  await allowDocument(gateway, query);
  const response = await gateway.fetch('/graphql', {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${token}`,
      ...(origin !== null && { origin }),
    },
    body: JSON.stringify({ query, variables }),
  });
  const body = (await response.json()) as { data?: Record<string, never>; errors?: { extensions: { code: string } }[] };
  return { status: response.status, ...body, codes: (body.errors ?? []).map(({ extensions }) => extensions.code) };
}

import { ChatGraphError, createUnreachableError } from './errors.ts';
import { openStoredValue, type TextStorage } from './storage.ts';

/** The credential of the client: a session token that it renews, or whatever a `token` function returns. */
export interface Session {
  /**
   * The token for the next request, new if the last one has expired or was refused.
   * @throws ChatGraphError
   */
  getToken(): Promise<string>;
  /** Records that the gateway does not accept a token any more. */
  refuseToken(token: string): void;
  /** Forgets the visitor: the next token is that of another one. */
  forget(): void;
}

/** A value, or a function that gets it when it is needed. */
export type Lazy<Value> = Value | (() => Value | Promise<Value>);

/** The details of a visitor who is not signed in. They are shown as unverified. */
export interface VisitorDetails {
  readonly name?: string;
  readonly email?: string;
  readonly customData?: Readonly<Record<string, unknown>>;
}

/** The options of a session of a visitor. */
export interface VisitorSessionOptions {
  /** The address of the gateway, without a slash at the end. */
  readonly url: string;
  /** The id of the chatbot. */
  readonly chatbot: string;
  readonly identity?: Lazy<string | undefined> | undefined;
  readonly visitor?: VisitorDetails | undefined;
  readonly storage?: TextStorage | undefined;
}

/** A token and what renews it, as it is stored. Times are in milliseconds since 1970. */
interface Grant {
  readonly token: string;
  readonly renewalToken: string;
  readonly expiresAt: number;
  readonly receivedAt: number;
}

/** The response to a request for a token. */
interface GrantResponse {
  readonly token: string;
  readonly expires_at: string;
  readonly renewal_token: string;
}

/** The time before its expiry from which a token is renewed. */
const MARGIN_MS = 30_000;
/** The time for which a new token is used whatever the clock says, which may be wrong. */
const MIN_USE_MS = 60_000;

const resolveLazy = async <Value>(value: Lazy<Value>): Promise<Value> =>
  typeof value === 'function' ? await (value as () => Value | Promise<Value>)() : value;

/** Creates a session whose tokens come from a function of the application. */
export function createTokenSession(token: Lazy<string>): Session {
  return {
    getToken: () => resolveLazy(token),
    refuseToken() {},
    forget() {},
  };
}

/**
 * Creates the session of a visitor. All tabs that share the storage have the same one, and only one of them at a time
 * gets a token.
 */
export function createVisitorSession(options: VisitorSessionOptions): Session {
  const key = `chatgraph:${options.url}:${options.chatbot}`;
  const stored = openStoredValue<Grant>(options.storage, key);
  let refusedToken: string | undefined;
  let pending: Promise<string> | undefined;

  function isUsable(grant: Grant): boolean {
    if (grant.token === refusedToken) return false;
    return Date.now() < Math.max(grant.expiresAt - MARGIN_MS, grant.receivedAt + MIN_USE_MS);
  }

  async function obtain(): Promise<string> {
    const known = stored.read();
    if (known && isUsable(known)) return known.token;
    return lockBetweenTabs(key, async () => {
      // Another tab may have renewed the token while this one waited.
      const current = stored.read();
      if (current && isUsable(current)) return current.token;
      const identity = await resolveLazy(options.identity);
      const renewed = current && (await renew(options.url, current.renewalToken, identity));
      const grant = renewed ?? (await mint(options, identity));
      stored.write(grant);
      return grant.token;
    });
  }

  return {
    getToken() {
      pending ??= obtain().finally(() => {
        pending = undefined;
      });
      return pending;
    },
    refuseToken(token) {
      refusedToken = token;
    },
    forget: () => stored.write(undefined),
  };
}

/** Runs a task while no other tab runs one with the same key. Browsers offer locks to secure pages only. */
async function lockBetweenTabs<Result>(key: string, task: () => Promise<Result>): Promise<Result> {
  const { locks } = globalThis.navigator ?? {};
  return locks === undefined ? task() : locks.request(key, task);
}

async function mint({ url, chatbot, visitor }: VisitorSessionOptions, identity: string | undefined): Promise<Grant> {
  const { customData, ...details } = visitor ?? {};
  const response = await post(`${url}/v1/chatbots/${encodeURIComponent(chatbot)}/sessions`, {
    ...(identity !== undefined && { identity }),
    ...(visitor && { visitor: { ...details, ...(customData && { custom_data: customData }) } }),
  });
  if (!response.ok) throw await readFailure(response);
  return readGrant(response);
}

/** Renews a token; undefined if the gateway refuses, so that the visitor needs a new session. */
async function renew(url: string, renewalToken: string, identity: string | undefined): Promise<Grant | undefined> {
  const response = await post(`${url}/v1/sessions/renew`, {
    renewal_token: renewalToken,
    ...(identity !== undefined && { identity }),
  });
  if (response.ok) return readGrant(response);
  const failure = await readFailure(response);
  if (failure.isTemporary) throw failure;
  return undefined;
}

async function post(url: string, body: object): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(url, { method: 'POST', headers, body: JSON.stringify(body) }).catch(() => {
    throw createUnreachableError();
  });
}

async function readGrant(response: Response): Promise<Grant> {
  const body: GrantResponse = await response.json().catch(() => {
    throw createUnreachableError();
  });
  return {
    token: body.token,
    renewalToken: body.renewal_token,
    expiresAt: Date.parse(body.expires_at),
    receivedAt: Date.now(),
  };
}

/** The codes of statuses; the body has the reason, and sometimes a code of its own. */
const CODES: Readonly<Record<number, string>> = {
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  429: 'RATE_LIMITED',
  503: 'SERVICE_UNAVAILABLE',
};

async function readFailure(response: Response): Promise<ChatGraphError> {
  const { status, headers } = response;
  const { code, detail } = (await response.json().catch(() => ({}))) as { code?: string; detail?: unknown };
  const retrySeconds = Number(headers.get('retry-after') ?? 0);
  return new ChatGraphError(
    code ?? CODES[status] ?? (status < 500 ? 'BAD_USER_INPUT' : 'INTERNAL_SERVER_ERROR'),
    typeof detail === 'string' ? detail : 'The server refused to open a session.',
    retrySeconds > 0 ? retrySeconds * 1_000 : undefined,
  );
}

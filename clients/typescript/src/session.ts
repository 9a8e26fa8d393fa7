import { ChatGraphError } from './errors.ts';
import { post, readJson } from './post.ts';
import { openStoredValue, type TextStorage } from './storage.ts';

/** The credential of the client: a session token that it renews, or whatever a `token` function returns. */
export interface Session {
  /**
   * The token for the next request, new if the last one has expired or was refused.
   * @throws ChatGraphError
   */
  getToken(): Promise<string>;
  /** Renews the token if it expires soon, so that the gateway keeps the sockets of the session open. */
  renewInTime(): void;
  /** Calls `listener` when a token is that of another visitor than the last one. */
  onVisitorChange(listener: () => void): void;
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
  readonly visitorId: string;
  /** The `user_id` of the identity; absent for a visitor who is not signed in. */
  readonly user?: string | undefined;
}

/** The response to a request for a token. */
interface GrantResponse {
  readonly token: string;
  readonly expires_at: string;
  readonly renewal_token: string;
  readonly visitor_id: string;
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
    renewInTime() {},
    onVisitorChange() {},
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
  let user: string | undefined;
  let isUserKnown = false;
  let pending: Promise<string> | undefined;
  let visitorId: string | undefined;
  const visitorListeners: (() => void)[] = [];

  function isUsable(grant: Grant): boolean {
    if (grant.token === refusedToken || grant.user !== user) return false;
    return Date.now() < Math.max(grant.expiresAt - MARGIN_MS, grant.receivedAt + MIN_USE_MS);
  }

  async function obtain(): Promise<Grant> {
    // A stored session may be that of another user.
    if (!isUserKnown) user = userOf(await resolveLazy(options.identity));
    isUserKnown = true;
    const known = stored.read();
    if (known && isUsable(known)) return known;
    return lockBetweenTabs(key, async () => {
      // Another tab may have renewed the token while this one waited.
      const current = stored.read();
      if (current && isUsable(current)) return current;
      const signed = await resolveLazy(options.identity);
      const renewed = current?.user === user && current && (await renew(options.url, current.renewalToken, signed));
      const grant = { ...(renewed || (await mint(options, signed))), user };
      stored.write(grant);
      return grant;
    });
  }

  function getToken(): Promise<string> {
    pending ??= obtain()
      .then((grant) => {
        const isOther = visitorId !== undefined && visitorId !== grant.visitorId;
        visitorId = grant.visitorId;
        if (isOther) for (const listener of visitorListeners) listener();
        return grant.token;
      })
      .finally(() => {
        pending = undefined;
      });
    return pending;
  }

  return {
    getToken,
    // After a failure, the next request tries again, and reports it.
    renewInTime: () => void getToken().catch(() => {}),
    onVisitorChange: (listener) => void visitorListeners.push(listener),
    refuseToken(token) {
      refusedToken = token;
    },
    forget() {
      isUserKnown = false;
      stored.write(undefined);
    },
  };
}

/** The user of an identity, which the gateway verifies. */
function userOf(identity: string | undefined): string | undefined {
  const [, payload = ''] = identity?.split('.') ?? [];
  return payload && JSON.parse(atob(payload.replace(/-/g, '+').replace(/_/g, '/'))).user_id;
}

/** Runs a task while no other tab runs one with the same key. Browsers offer locks to secure pages only. */
async function lockBetweenTabs<Result>(key: string, task: () => Promise<Result>): Promise<Result> {
  const { locks } = globalThis.navigator ?? {};
  return locks === undefined ? task() : locks.request(key, task);
}

async function mint({ url, chatbot, visitor }: VisitorSessionOptions, identity: string | undefined): Promise<Grant> {
  const { customData, ...details } = visitor ?? {};
  const response = await post(`${url}/v1/chatbots/${encodeURIComponent(chatbot)}/sessions`, {
    identity,
    visitor: visitor && { ...details, custom_data: customData },
  });
  if (!response.ok) throw await readFailure(response);
  return readGrant(response);
}

/** Renews a token; undefined if the session has ended, or belongs to another user, so that the visitor needs a new one. */
async function renew(url: string, renewalToken: string, identity: string | undefined): Promise<Grant | undefined> {
  const response = await post(`${url}/v1/sessions/renew`, { renewal_token: renewalToken, identity });
  if (response.ok) return readGrant(response);
  const failure = await readFailure(response);
  // A visitor who is blocked, and a page that is not allowed, would get no new session either.
  if (failure.isTemporary || response.status === 403) throw failure;
  return undefined;
}

async function readGrant(response: Response): Promise<Grant> {
  const body = await readJson<GrantResponse>(response);
  return {
    token: body.token,
    renewalToken: body.renewal_token,
    expiresAt: Date.parse(body.expires_at),
    receivedAt: Date.now(),
    visitorId: body.visitor_id,
  };
}

/** The codes of statuses. */
const CODES: Readonly<Record<number, string>> = {
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  429: 'RATE_LIMITED',
};

async function readFailure(response: Response): Promise<ChatGraphError> {
  const { status, headers } = response;
  const { detail } = (await response.json().catch(() => ({}))) as { detail?: string };
  return new ChatGraphError(
    CODES[status] ?? (status < 500 ? 'BAD_USER_INPUT' : 'SERVICE_UNAVAILABLE'),
    detail ?? 'Something went wrong.',
    Number(headers.get('retry-after')) * 1_000 || undefined,
  );
}

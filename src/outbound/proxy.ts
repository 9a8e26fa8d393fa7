import { type buildConnector, Pool, ProxyAgent } from 'undici';
import type { ProxyServer } from '../domain/proxies.ts';
import { CONNECT_MS, describeConnectionFailure, listCauses } from './connection-failure.ts';

/** The proxy cannot be reached, or refuses a connection. The message names neither its address nor its password. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';
  /** The status of the proxy's response; null without a response. */
  readonly statusCode: number | null;

  constructor(message: string, statusCode: number | null, options?: ErrorOptions) {
    super(message, options);
    this.statusCode = statusCode;
  }
}

type Connector = buildConnector.connector;

/**
 * Opens a dispatcher that sends requests through a proxy: by `CONNECT` to https servers, in absolute form to others.
 * `findProxyError` recognizes failures of the proxy.
 * @param serverName the name that an https server must have, if it is not that of the URL.
 * @param options the options of connections to servers, except for timeouts: the caller limits the time of a response.
 */
export function openProxyAgent(
  { origin, authorization }: ProxyServer,
  serverName: string | undefined,
  options: Pool.Options,
): ProxyAgent {
  // undici passes the connector in the options: for `clientFactory` that to the proxy, for `factory` that to a server.
  const clientFactory: ProxyAgent.Options['clientFactory'] = (url, { connect }: { connect: Connector }) =>
    new Pool(url, { connect: reportProxyFailures(connect), headersTimeout: CONNECT_MS, allowH2: false });
  const factory: ProxyAgent.Options['factory'] = (url, defaults: { connect: Connector }) => {
    // The server of a request in absolute form is the proxy itself, by the whole URL.
    const connect = url === `${origin}/` ? reportProxyFailures(defaults.connect) : defaults.connect;
    return new Pool(url, { ...defaults, ...options, connect, headersTimeout: 0, bodyTimeout: 0 });
  };
  return new ProxyAgent({
    uri: origin,
    ...(authorization !== undefined && { token: authorization }),
    ...{ clientFactory, factory, allowH2: false, connectTimeout: CONNECT_MS },
    proxyTls: { allowH2: false },
    requestTls: { allowH2: false, ...(serverName !== undefined && { servername: serverName }) },
  });
}

/** Finds the failure of a proxy among the causes of an error of `fetch`; undefined if the proxy did not cause it. */
export function findProxyError(error: unknown): ProxyError | undefined {
  for (const cause of listCauses(error)) {
    if (cause instanceof ProxyError) return cause;
    const proxyError = readProxyFailure(cause);
    if (proxyError !== undefined) return proxyError;
  }
  return undefined;
}

/** Recognizes the errors of undici's `ProxyAgent` by code; only the message has the status of the proxy's response. */
function readProxyFailure(cause: Error): ProxyError | undefined {
  const { code } = cause as { code?: unknown };
  if (code === 'UND_ERR_PRX_CONN')
    return new ProxyError('The proxy closed the connection before it answered.', null, { cause });
  // Only the response to CONNECT has a time limit.
  if (code === 'UND_ERR_HEADERS_TIMEOUT')
    return new ProxyError(`The proxy took longer than ${CONNECT_MS / 1_000} seconds to connect.`, null, { cause });
  const [, status = ''] = /^Proxy (?:response|Authentication Required) \((\d{3})\)/.exec(cause.message) ?? [];
  if (status === '') return undefined;
  const problem =
    status === '407' ? 'requires a valid user name and password (407)' : `refused to connect: it answered ${status}`;
  return new ProxyError(`The proxy ${problem}.`, Number(status), { cause });
}

/** Wraps undici's function that connects to a proxy, because its errors look like those of a server. */
function reportProxyFailures(connect: Connector): Connector {
  return (target, callback) =>
    connect(target, (...[error, socket]) => {
      if (error === null) callback(null, socket);
      else
        callback(
          new ProxyError(`The proxy failed: ${describeConnectionFailure(error)}.`, null, { cause: error }),
          null,
        );
    });
}

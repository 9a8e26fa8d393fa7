import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Deps } from '../../deps.ts';
import { findFirstAccount } from '../../store/accounts.ts';
import { secretIn } from '../auth.ts';
import { isFromThisMachine, sendJson, sendRestError } from '../operator.ts';

type SessionDeps = Pick<Deps, 'config' | 'db' | 'keyring'>;

/** The path at which GraphiQL exchanges the secret of its link for a token. */
export const GRAPHIQL_SESSION_PATH = '/graphql/session';

const LOOPBACK_NAME = /^(localhost|127(\.\d{1,3}){3}|::1)$/i;

/**
 * Returns the path and the secret of the link to GraphiQL. Undefined without GraphiQL, in production, and if other
 * machines or a proxy on this machine can reach the gateway: the output may then be kept where others read it.
 */
export function findGraphiqlLink({ config, keyring }: Pick<SessionDeps, 'config' | 'keyring'>): string | undefined {
  return isOffered(config) ? `/graphql#${keyring.sessions.graphiqlSecret.text}` : undefined;
}

/**
 * Exchanges the secret of the link for a token that may do what an API key of the first account may do, until the
 * process ends. Only a client on this machine that uses no proxy receives it. Every refused POST gets the same 404.
 */
export async function openGraphiqlSession(
  { config, db, keyring }: SessionDeps,
  { request, response }: { readonly request: IncomingMessage; readonly response: ServerResponse },
): Promise<void> {
  if (request.method !== 'POST') {
    response.setHeader('Allow', 'POST');
    return sendRestError(response, 'METHOD_NOT_ALLOWED');
  }
  response.setHeader('Cache-Control', 'no-store');
  const isSecretValid = keyring.sessions.graphiqlSecret.matches(secretIn(request));
  const isDirect = isFromThisMachine(request) && !isProxy(config, request.socket.remoteAddress);
  const isAllowed = isSecretValid && isOffered(config) && isDirect;
  const account = isAllowed ? await findFirstAccount(db.read) : undefined;
  if (account === undefined) return sendRestError(response, 'NOT_FOUND');
  sendJson(response, 200, { token: keyring.sessions.openForGraphiql(account.id) });
}

function isOffered(config: Deps['config']): boolean {
  const { hasGraphiql, isProduction, host } = config;
  return hasGraphiql && !isProduction && LOOPBACK_NAME.test(host) && !isProxy(config, '127.0.0.1');
}

/** Returns whether an address is that of a trusted proxy, which sends the requests of others. */
function isProxy({ isTrustedProxy }: Deps['config'], address = ''): boolean {
  return isTrustedProxy?.(address, 0) ?? false;
}

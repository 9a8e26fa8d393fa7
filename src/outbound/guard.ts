import { isIP } from 'node:net';
import { hostOf, portOf } from '../domain/network.ts';
import { type AddressRules, isPublic, USUAL_PORTS } from './addresses.ts';
import { isInternalName, isLoopbackName, LOOPBACK_ADDRESSES } from './names.ts';

/** The gateway refuses to connect to an address that a client specified. The message tells the client why. */
export class AddressRefusedError extends Error {}

/** A redirect, which the gateway does not follow. */
export class RedirectRefusedError extends AddressRefusedError {
  readonly statusCode: number;

  constructor(statusCode: number) {
    super('Must not redirect to another address.');
    this.statusCode = statusCode;
  }
}

/** A host name, as `URL` returns it: lower case, other alphabets as `xn--`. */
const HOST_NAME =
  /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** The message without details, because clients must not learn whether an internal name or address exists. */
export const NOT_PUBLIC =
  'Must be on the public internet. The operator can allow other addresses by SSRF_ALLOW_CIDRS. ' +
  'To receive webhooks on your own computer, use `webhooks listen`.';

/** The message for a public server. */
export const PORT_RULE = `The port must be one of ${USUAL_PORTS.join(', ')}.`;

/**
 * Parses and checks a URL that a client specified. For a host name, the caller must still check the addresses to which
 * the name resolves.
 * @throws AddressRefusedError
 */
export function checkUrl(text: string, rules: AddressRules): URL {
  // Refuses, before any parser reads it, a text that different URL parsers would interpret differently.
  const authority = /^https?:\/\/(?<authority>[^/?#]+)/i.exec(text)?.groups?.authority;
  if (authority === undefined) throw new AddressRefusedError('Must begin with https:// or http:// and name a server.');
  if (/[\s\p{Cc}]/u.test(text)) throw new AddressRefusedError('Must not contain spaces or line breaks.');
  if (/[@\\%]/.test(authority)) {
    throw new AddressRefusedError(
      'Must name the server alone, with no user name, no password and none of @, \\ and %.',
    );
  }
  if (!URL.canParse(text)) throw new AddressRefusedError('Must be an address such as https://models.example.com/v1.');
  const url = new URL(text);
  const [host, port] = [hostOf(url), portOf(url)];
  if (isIP(host) !== 0) {
    if (!rules.mayReach(host, port)) throw new AddressRefusedError(isPublic(host) ? PORT_RULE : NOT_PUBLIC);
  } else if (!HOST_NAME.test(host)) {
    throw new AddressRefusedError('Must name a server by a host name or an IP address.');
  } else if (isInternalName(host) && !mayBeAllowed(host, rules)) {
    throw new AddressRefusedError(NOT_PUBLIC);
  } else if (!USUAL_PORTS.includes(port) && !rules.hasAllowed) {
    throw new AddressRefusedError(PORT_RULE);
  }
  return url;
}

/** Returns whether an internal name may resolve to an allowed address. */
function mayBeAllowed(name: string, rules: AddressRules): boolean {
  return isLoopbackName(name) ? LOOPBACK_ADDRESSES.some(rules.isAllowed) : rules.hasAllowed;
}

/**
 * Selects the addresses of a URL's host to which the gateway may connect. All of them must be public or allowed. Only of a
 * loopback name, or one without a dot, may some be neither: it has the addresses of all interfaces of a machine, and
 * nobody outside chooses them.
 * @throws AddressRefusedError when there are none.
 */
export function selectAddresses(url: URL, addresses: readonly string[], rules: AddressRules): readonly string[] {
  const [host, port] = [hostOf(url), portOf(url)];
  const isMachineName = isIP(host) === 0 && (isLoopbackName(host) || !host.includes('.'));
  const selected = addresses.filter((address) =>
    isMachineName ? rules.isAllowed(address) : rules.mayReach(address, port),
  );
  const mayConnect = isMachineName ? selected.length > 0 : selected.length === addresses.length;
  if (addresses.length === 0 || !mayConnect) throw new AddressRefusedError(NOT_PUBLIC);
  return selected;
}

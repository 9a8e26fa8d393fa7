import { isIP } from 'node:net';
import { type AddressRules, USUAL_PORTS } from './addresses.ts';

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

/** A host name of at least two labels, as `URL` returns it: lower case, other alphabets as `xn--`. */
const HOST_NAME = /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const INTERNAL_NAME = /\.(?:localhost|local|internal|intranet|lan|home|corp)$/;

/** The message without details, because clients must not learn whether an internal name or address exists. */
export const NOT_PUBLIC = 'Must be on the public internet.';

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
    if (!rules.mayReach(host, port)) throw new AddressRefusedError(`${NOT_PUBLIC} ${PORT_RULE}`);
  } else if (!HOST_NAME.test(host) || INTERNAL_NAME.test(host)) {
    throw new AddressRefusedError(NOT_PUBLIC);
  } else if (!USUAL_PORTS.includes(port) && !rules.hasAllowed) {
    throw new AddressRefusedError(PORT_RULE);
  }
  return url;
}

const PORT_RULE = `The port must be one of ${USUAL_PORTS.join(', ')}.`;

/** The host name or IP address of a URL; IPv6 without brackets. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '');
}

/** The port of a URL. */
export function portOf({ port, protocol }: URL): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}

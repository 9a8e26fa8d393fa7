import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import ipaddr from 'ipaddr.js';
import { hostOf, portOf } from './network.ts';

/** A proxy, through which the gateway sends requests. */
export interface ProxyServer {
  /** The scheme, host and port, without the user and password. */
  readonly origin: string;
  /** The value of `Proxy-Authorization`; undefined if the proxy needs none. */
  readonly authorization: string | undefined;
}

/** The proxies for the gateway's requests, by the scheme of a request's URL. */
export interface ProxySettings {
  readonly http?: ProxyServer | undefined;
  readonly https?: ProxyServer | undefined;
  /** Returns whether a request goes directly to its server; undefined if none does. */
  readonly isDirect?: ((url: URL) => boolean) | undefined;
  /** Whether a proxy receives the host names of URLs from clients, and not the addresses that the gateway has checked. */
  readonly resolvesNames?: boolean;
}

/** Finds the proxy for a request; undefined if the request goes directly to its server. */
export function findProxy({ isDirect, ...proxies }: ProxySettings, url: URL): ProxyServer | undefined {
  const proxy = url.protocol === 'https:' ? proxies.https : proxies.http;
  return proxy === undefined || isDirect?.(url) ? undefined : proxy;
}

/**
 * Parses the address of a proxy, such as `http://user:password@proxy.example:3128`. The scheme is http or https; without
 * one, it is http. Returns undefined for anything else.
 */
export function parseProxyUrl(text: string): ProxyServer | undefined {
  const full = text.includes('://') ? text : `http://${text}`;
  if (/\s/.test(text) || !URL.canParse(full)) return undefined;
  const { protocol, host, username, password, pathname, search, hash } = new URL(full);
  // A path usually means that a special character of the password is not encoded.
  if (!/^https?:$/.test(protocol) || pathname !== '/' || search !== '' || hash !== '') return undefined;
  if (username === '' && password === '') return { origin: `${protocol}//${host}`, authorization: undefined };
  try {
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    const authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
    return { origin: `${protocol}//${host}`, authorization };
  } catch {
    return undefined;
  }
}

type HostTest = (host: string) => boolean;

/**
 * Parses a list of the servers that requests reach without a proxy, separated by commas or spaces: `*` for all; a host
 * name, with or without a dot before it, for itself and all names below it; an IP address; a range of addresses. All
 * but ranges may end with a port. A name and an address match only URLs that contain them: no name is resolved.
 * @returns a function that returns whether a URL is in the list; undefined if an entry is invalid.
 */
export function parseNoProxy(text: string): ((url: URL) => boolean) | undefined {
  const tests = text
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .map(parseEntry);
  if (!tests.every((test) => test !== undefined)) return undefined;
  return (url) => {
    const [host, port] = [hostOf(url).replace(/\.$/, ''), portOf(url)];
    return tests.some((test) => test(host, port));
  };
}

function parseEntry(entry: string): ((host: string, port: number) => boolean) | undefined {
  if (entry === '*') return () => true;
  if (entry.includes('/')) return parseRange(entry);
  // An IPv6 address has a port only after brackets.
  const [, host = '', digits] =
    isIP(entry) === 0 ? (/^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(entry) ?? []) : [entry, entry];
  const matchesHost = parseHost(host);
  if (matchesHost === undefined || Number(digits) > 65_535) return undefined;
  return (name, port) => matchesHost(name) && (digits === undefined || port === Number(digits));
}

function parseRange(entry: string): HostTest | undefined {
  const [, address = '', bits] = /^\[?([^\]]*)\]?\/(\d{1,3})$/.exec(entry) ?? [];
  if (isIP(address) === 0 || Number(bits) > (isIP(address) === 4 ? 32 : 128)) return undefined;
  const range = ipaddr.parseCIDR(`${address}/${bits}`);
  return (host) => isIP(host) !== 0 && ipaddr.subnetMatch(ipaddr.process(host), { range: [range] }, 'none') === 'range';
}

function parseHost(text: string): HostTest | undefined {
  const literal = text.replace(/^\[(.*)\]$/, '$1');
  if (isIP(literal) !== 0) {
    const address = ipaddr.process(literal).toString();
    return (host) => isIP(host) !== 0 && ipaddr.process(host).toString() === address;
  }
  const name = domainToASCII(text.replace(/^(?:\*?\.)/, '').replace(/\.$/, ''));
  if (!/^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/.test(name)) return undefined;
  return (host) => host === name || host.endsWith(`.${name}`);
}

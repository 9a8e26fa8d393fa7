import type { IncomingMessage } from 'node:http';
import proxyAddr from 'proxy-addr';
import type { Config } from '../config.ts';

const isLoopback = proxyAddr.compile('loopback');
const LOCAL_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;
const FORWARDING = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'];

/**
 * Whether a request was made on this machine, for this machine: from a loopback address, not through a proxy, and to a
 * name that only this machine has. Without the last one, a page anywhere could point its own name at 127.0.0.1 and
 * count as ours (DNS rebinding).
 */
export function isLocalVisit(config: Pick<Config, 'isTrustedProxy'>, { socket, headers }: IncomingMessage): boolean {
  return (
    config.isTrustedProxy === undefined &&
    FORWARDING.every((name) => headers[name] === undefined) &&
    isLoopback(socket.remoteAddress ?? '', 0) &&
    LOCAL_HOST.test(headers.host ?? '')
  );
}

/** Whether a page of ours asks: browsers say the origin of every POST, and newer ones how it relates to us. */
export function isOwnPage({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site'];
  return headers.origin === `http://${headers.host}` && (site === undefined || site === 'same-origin');
}

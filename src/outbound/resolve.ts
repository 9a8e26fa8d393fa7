import { Resolver } from 'node:dns/promises';

/**
 * Resolves a name to all its IPv4 and IPv6 addresses, at least one.
 * @throws when the name has no address, the name servers fail, or `signal` aborts.
 */
export type Resolve = (name: string, signal: AbortSignal) => Promise<readonly string[]>;

/**
 * Creates a `Resolve` that queries name servers. It does not use `lookup`, which runs on a small pool of threads: a
 * client could specify a name whose name server does not respond, and so block a thread. The hosts file is ignored,
 * because the names in it are internal.
 * @param servers addresses with ports; absent: the name servers of this machine.
 */
export function createResolve(servers?: readonly string[]): Resolve {
  return async (name, signal) => {
    signal.throwIfAborted();
    const resolver = new Resolver({ timeout: 1_500, tries: 2 });
    if (servers !== undefined) resolver.setServers(servers);
    const cancel = () => resolver.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
      signal.throwIfAborted();
      const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
      if (addresses.length > 0) return addresses;
      const reasons = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : []));
      throw new AggregateError(reasons, 'The name has no address.');
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  };
}

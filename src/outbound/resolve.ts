import { Resolver } from 'node:dns/promises';

/**
 * Finds all IPv4 and IPv6 addresses of a name, at least one.
 * @throws when there is none, or nobody can say, or `signal` aborts.
 */
export type Resolve = (name: string, signal: AbortSignal) => Promise<readonly string[]>;

/**
 * Makes a `Resolve` that asks name servers. Not by `lookup`: a server of somebody else's that says nothing would keep one of
 * the few threads busy that the whole process has for such things. It reads no hosts file, whose names are inner ones.
 * @param servers addresses with ports; absent: those of this machine.
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

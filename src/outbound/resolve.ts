import { lookup, Resolver } from 'node:dns/promises';
import { isInternalName, isLoopbackName, LOOPBACK_ADDRESSES } from './names.ts';

/**
 * Resolves a name to all its IPv4 and IPv6 addresses, at least one.
 * @throws when the name has no address, the name servers fail, or `signal` aborts.
 */
export type Resolve = (name: string, signal: AbortSignal) => Promise<readonly string[]>;

/**
 * Creates a `Resolve` that queries name servers for public names, without the hosts file, because the names in it are
 * internal. Internal names are resolved as the operating system does it: the hosts file and the search domains count.
 * Loopback names are not looked up.
 * @param servers addresses with ports; absent: the name servers of this machine.
 */
export function createResolve(servers?: readonly string[]): Resolve {
  const lookUpInternalName = createInternalLookup();
  return async (name, signal) => {
    signal.throwIfAborted();
    if (isLoopbackName(name)) return LOOPBACK_ADDRESSES;
    return isInternalName(name) ? await lookUpInternalName(name, signal) : await queryServers(name, servers, signal);
  };
}

/** Queries name servers. Unlike `lookup`, it needs no thread, which a name server that does not respond would block. */
async function queryServers(
  name: string,
  servers: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<readonly string[]> {
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
}

/**
 * Creates a `Resolve` that uses the operating system's resolver, for one name at a time: a look-up blocks one of the
 * few threads of the process until it ends, even if its caller no longer waits.
 */
function createInternalLookup(): Resolve {
  let previous: Promise<unknown> = Promise.resolve();
  return async (name, signal) => {
    const answer = previous.then(() => {
      signal.throwIfAborted();
      return lookup(name, { all: true });
    });
    previous = answer.catch(() => {});
    const aborted = Promise.withResolvers<never>();
    const abort = () => aborted.reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    try {
      const addresses = await Promise.race([answer, aborted.promise]);
      return addresses.map(({ address }) => address);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  };
}

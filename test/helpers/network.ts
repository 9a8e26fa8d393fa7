import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A TCP proxy to a server. The test can interrupt or delay the connections that go through it. */
export interface FaultProxy {
  readonly port: number;
  /** Ends all connections, and refuses new ones until `restore`. */
  disconnect(): void;
  /** Keeps all connections open, but forwards no bytes until `restore`. */
  stall(): void;
  /** Ends the effect of `disconnect` or `stall`. */
  restore(): void;
  /** Delays all later bytes, and delivers the first bytes of each chunk one at a time. */
  addLatency(delayMs: number): void;
  /**
   * Lets the next Postgres transaction that contains `text` commit, but drops its connection before the client receives
   * the server's confirmation. Resolves when the connection is dropped.
   */
  dropCommitResponse(text: string): Promise<void>;
}

/** A commit whose confirmation the proxy will drop. */
interface CommitFault {
  readonly text: string;
  /** The client's connection that runs the transaction. */
  client?: Socket;
  isCommitSent?: boolean;
  readonly dropped: PromiseWithResolvers<void>;
}

/** How many bytes of a chunk are sent one by one: enough to split protocol frames, few enough to be fast. */
const SLICED_BYTES = 32;

/** Opens a proxy to a port, by default of this machine. */
export async function startFaultProxy(target: number, host = '127.0.0.1'): Promise<FaultProxy> {
  const sockets = new Set<Socket>();
  let state: 'connected' | 'disconnected' | 'stalled' = 'connected';
  let delayMs = 0;
  let commitFault: CommitFault | undefined;
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.setNoDelay();
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  };
  const forward = (bytes: Buffer, to: Socket) => {
    if (delayMs === 0) to.write(bytes);
    else setTimeout(writeSliced, delayMs, bytes, to);
  };
  const proxy = createServer((client) => {
    track(client);
    if (state === 'disconnected') {
      client.resetAndDestroy();
      return;
    }
    const server = connect(target, host);
    track(server);
    client.on('data', (bytes) => {
      watchCommit(commitFault, client, bytes);
      forward(bytes, server);
    });
    server.on('data', (bytes) => {
      if (commitFault?.client !== client || !commitFault.isCommitSent) return forward(bytes, client);
      client.destroy();
      commitFault.dropped.resolve();
      commitFault = undefined;
    });
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.on('close', () => to.destroy());
      if (state === 'stalled') from.pause();
    }
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const disconnect = () => {
    state = 'disconnected';
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(() => {
    disconnect();
    proxy.close();
  });
  return {
    port: (proxy.address() as AddressInfo).port,
    disconnect,
    stall() {
      state = 'stalled';
      for (const socket of sockets) socket.pause();
    },
    restore() {
      state = 'connected';
      for (const socket of sockets) socket.resume();
    },
    addLatency(ms) {
      delayMs = ms;
    },
    dropCommitResponse(text) {
      commitFault = { text, dropped: Promise.withResolvers() };
      return commitFault.dropped.promise;
    },
  };
}

function writeSliced(bytes: Buffer, to: Socket): void {
  const end = Math.min(bytes.length, SLICED_BYTES);
  for (let start = 0; start < end; start++) to.write(bytes.subarray(start, start + 1));
  if (end < bytes.length) to.write(bytes.subarray(end));
}

/** Records which connection sends the text, and whether that connection has sent the commit. */
function watchCommit(fault: CommitFault | undefined, client: Socket, bytes: Buffer): void {
  if (fault === undefined) return;
  if (bytes.includes(fault.text)) fault.client ??= client;
  fault.isCommitSent ||= fault.client === client && bytes.includes('commit');
}

/** Opens a proxy to the server of a URL. @returns the proxy, and the URL that goes through it. */
export async function startFaultProxyFor(
  url: string,
  defaultPort: number,
): Promise<{ proxy: FaultProxy; url: string }> {
  const proxiedUrl = new URL(url);
  const proxy = await startFaultProxy(Number(proxiedUrl.port || defaultPort), proxiedUrl.hostname);
  proxiedUrl.host = `127.0.0.1:${proxy.port}`;
  return { proxy, url: proxiedUrl.href };
}

/** Finds a port that no process listens on. */
export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A proxy to a server, which a test can cut, silence or slow down. */
export interface Wire {
  readonly port: number;
  /** Ends all connections, and refuses new ones until `mend`. */
  cut(): void;
  /** Keeps all connections open, but passes no bytes until `mend`. */
  silence(): void;
  mend(): void;
  /** Delays everything sent from now on, and delivers the first bytes of each chunk one at a time. */
  slow(delayMs: number): void;
  /**
   * Lets the next Postgres transaction that contains `text` commit, but drops its connection instead of passing on the
   * server's confirmation. Resolves when the connection is dropped.
   */
  loseCommit(text: string): Promise<void>;
}

/** A commit whose confirmation is to be lost. */
interface Loss {
  readonly text: string;
  /** The client's connection that runs the transaction. */
  near?: Socket;
  isAsked?: boolean;
  readonly happened: PromiseWithResolvers<void>;
}

/** The number of a chunk's bytes sent one by one: enough to split protocol frames, few enough to be quick. */
const SLICED_BYTES = 32;

/** Opens a proxy to a port, by default of this machine. */
export async function openWire(target: number, host = '127.0.0.1'): Promise<Wire> {
  const sockets = new Set<Socket>();
  let state: 'whole' | 'cut' | 'silent' = 'whole';
  let delayMs = 0;
  let loss: Loss | undefined;
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.setNoDelay();
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  };
  const pass = (bytes: Buffer, to: Socket) => {
    if (delayMs === 0) to.write(bytes);
    else setTimeout(writeSliced, delayMs, bytes, to);
  };
  const server = createServer((near) => {
    track(near);
    if (state === 'cut') {
      near.resetAndDestroy();
      return;
    }
    const far = connect(target, host);
    track(far);
    near.on('data', (bytes) => {
      watchCommit(loss, near, bytes);
      pass(bytes, far);
    });
    far.on('data', (bytes) => {
      if (loss?.near !== near || !loss.isAsked) return pass(bytes, near);
      near.destroy();
      loss.happened.resolve();
      loss = undefined;
    });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('close', () => to.destroy());
      if (state === 'silent') from.pause();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    state = 'cut';
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(() => {
    cut();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    silence() {
      state = 'silent';
      for (const socket of sockets) socket.pause();
    },
    mend() {
      state = 'whole';
      for (const socket of sockets) socket.resume();
    },
    slow(ms) {
      delayMs = ms;
    },
    loseCommit(text) {
      loss = { text, happened: Promise.withResolvers() };
      return loss.happened.promise;
    },
  };
}

function writeSliced(bytes: Buffer, to: Socket): void {
  const end = Math.min(bytes.length, SLICED_BYTES);
  for (let start = 0; start < end; start++) to.write(bytes.subarray(start, start + 1));
  if (end < bytes.length) to.write(bytes.subarray(end));
}

/** Records which connection sends the text, and when it sends the commit. */
function watchCommit(loss: Loss | undefined, near: Socket, bytes: Buffer): void {
  if (loss === undefined) return;
  if (bytes.includes(loss.text)) loss.near ??= near;
  loss.isAsked ||= loss.near === near && bytes.includes('commit');
}

/** Opens a proxy to the server of a URL. @returns the proxy, and the URL that goes through it. */
export async function openWireTo(url: string, defaultPort: number): Promise<{ wire: Wire; url: string }> {
  const wired = new URL(url);
  const wire = await openWire(Number(wired.port || defaultPort), wired.hostname);
  wired.host = `127.0.0.1:${wire.port}`;
  return { wire, url: wired.href };
}

/** Finds a port that no process listens on. */
export async function findPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

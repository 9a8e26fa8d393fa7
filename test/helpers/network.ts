import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A way to a server that a test can cut. */
export interface Wire {
  readonly port: number;
  /** Ends all connections, and refuses new ones until `mend`. */
  cut(): void;
  /** Keeps all connections and lets nothing through until `mend`. */
  silence(): void;
  mend(): void;
  /** From now on everything arrives so much later, and its beginning byte by byte. */
  slow(delayMs: number): void;
  /**
   * Lets the next transaction on a Postgres that says `text` commit, and ends its connection in place of the answer.
   * Resolves when that has happened.
   */
  loseCommit(text: string): Promise<void>;
}

/** A commit whose answer is to be lost. */
interface Loss {
  readonly text: string;
  /** The connection whose transaction it is. */
  near?: Socket;
  isAsked?: boolean;
  readonly happened: PromiseWithResolvers<void>;
}

/** So many bytes of a piece come one by one: enough to cut the frames of a protocol, and few enough to be quick. */
const SLICED_BYTES = 32;

/** Makes a way to a port of this machine. */
export async function openWire(target: number, host = '127.0.0.1'): Promise<Wire> {
  const ends = new Set<Socket>();
  let state: 'whole' | 'cut' | 'silent' = 'whole';
  let delayMs = 0;
  let loss: Loss | undefined;
  const keep = (socket: Socket) => {
    ends.add(socket);
    socket.setNoDelay();
    socket.on('error', () => {});
    socket.on('close', () => ends.delete(socket));
  };
  const pass = (bytes: Buffer, to: Socket) => {
    if (delayMs === 0) to.write(bytes);
    else setTimeout(writeSliced, delayMs, bytes, to);
  };
  const server = createServer((near) => {
    keep(near);
    if (state === 'cut') {
      near.resetAndDestroy();
      return;
    }
    const far = connect(target, host);
    keep(far);
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
    for (const socket of ends) socket.destroy();
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
      for (const socket of ends) socket.pause();
    },
    mend() {
      state = 'whole';
      for (const socket of ends) socket.resume();
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

/** Notes on which connection the text is said, and when that asks for the commit. */
function watchCommit(loss: Loss | undefined, near: Socket, bytes: Buffer): void {
  if (loss === undefined) return;
  if (bytes.includes(loss.text)) loss.near ??= near;
  loss.isAsked ||= loss.near === near && bytes.includes('commit');
}

/** Makes a way to the server of a URL. @returns it, and the URL that leads over it. */
export async function openWireTo(url: string, defaultPort: number): Promise<{ wire: Wire; url: string }> {
  const wired = new URL(url);
  const wire = await openWire(Number(wired.port || defaultPort), wired.hostname);
  wired.host = `127.0.0.1:${wire.port}`;
  return { wire, url: wired.href };
}

/** A port that nobody listens to. */
export async function findPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

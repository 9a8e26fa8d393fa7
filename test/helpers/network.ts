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
}

/** Makes a way to a port of this machine. */
export async function openWire(target: number, host = '127.0.0.1'): Promise<Wire> {
  const ends = new Set<Socket>();
  let state: 'whole' | 'cut' | 'silent' = 'whole';
  const keep = (socket: Socket) => {
    ends.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => ends.delete(socket));
  };
  const server = createServer((near) => {
    keep(near);
    if (state === 'cut') {
      near.resetAndDestroy();
      return;
    }
    const far = connect(target, host);
    keep(far);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (bytes) => void to.write(bytes));
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
  };
}

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A proxy whose connections a test can break. */
export interface TcpProxy {
  readonly port: number;
  /** Destroys all connections, without a close frame. New ones are accepted. */
  disconnect(): void;
}

/** Starts a proxy between clients and a gateway. It ends with the test. */
export async function startProxy(target: URL): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const gateway = connect(Number(target.port), target.hostname);
    for (const [socket, other] of [[client, gateway] as const, [gateway, client] as const]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => other.destroy());
    }
    client.pipe(gateway).pipe(client);
  });
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const port = await listen(0);
  const disconnect = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  onTestFinished(() => {
    disconnect();
    server.close();
  });
  return { port, disconnect };
}

import type { IncomingMessage, ServerResponse } from 'node:http';

/** The time for a request to arrive. */
const RECEIVE_MS = 30_000;
/** A large body may take one more second for each 64 kB that have arrived. */
const MIN_BYTES_PER_MS = (64 * 1_024) / 1_000;

/** The time that is left for a request to arrive. */
export interface ReceiveTime {
  /** Stops the time, while the gateway does not read the body. */
  stop(): void;
  /** Starts the time again, with more of it for each byte that arrives from now on. */
  restart(): void;
}

/**
 * Limits the time for the body of a request to arrive. The connection of a slower one gets a 408, unless its response has
 * begun, and is cut. The limit of Node is the same for all requests.
 */
export function limitReceiveTime(request: IncomingMessage, response: ServerResponse): ReceiveTime {
  let timer: NodeJS.Timeout | undefined;

  function cut(): void {
    // The body has arrived, but nobody reads it.
    if (request.complete) return;
    if (!response.headersSent) {
      response.statusCode = 408;
      request.socket.write('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n');
    }
    request.socket.destroy();
  }

  const stop = () => clearTimeout(timer);
  request.once('close', stop);
  if (hasBody(request)) timer = setTimeout(cut, RECEIVE_MS);
  return {
    stop,
    restart() {
      const startedAt = performance.now();
      const bytesBefore = request.socket.bytesRead;
      const check = () => {
        const allowedMs = RECEIVE_MS + (request.socket.bytesRead - bytesBefore) / MIN_BYTES_PER_MS;
        const restMs = startedAt + allowedMs - performance.now();
        if (restMs <= 0) cut();
        else timer = setTimeout(check, restMs);
      };
      stop();
      if (!request.closed) check();
    },
  };
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { onTestFinished } from 'vitest';

/**
 * A step of a response: text to write, a pause in milliseconds, or the end of the connection. `close` ends it properly
 * but too early, with FIN; `reset` resets it; `hang` leaves it open. Without any of them, the response ends properly.
 */
export type ResponseStep = string | number | 'close' | 'reset' | 'hang';

/** A response to any request. */
export interface ScriptedResponse {
  readonly steps: readonly ResponseStep[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether the end of the connection is the end of the body, as in HTTP/1.0. */
  readonly isDelimitedByClose?: boolean;
}

/** Starts a server on this machine, which answers each request with the next response, and repeats the last one. */
export async function startScriptedServer(...responses: readonly [ScriptedResponse, ...ScriptedResponse[]]) {
  let requestCount = 0;
  const server = createServer((request, response) => {
    request.resume();
    response.on('error', () => {});
    const scripted = responses[Math.min(requestCount, responses.length - 1)] ?? responses[0];
    requestCount++;
    play(response, scripted).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    get requestCount() {
      return requestCount;
    },
  };
}

async function play(response: ServerResponse, { steps, headers, isDelimitedByClose }: ScriptedResponse): Promise<void> {
  if (isDelimitedByClose) {
    response.useChunkedEncodingByDefault = false;
    response.shouldKeepAlive = false;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream', ...headers });
  response.flushHeaders();
  for (const step of steps) {
    if (typeof step === 'number') await wait(step);
    else if (step === 'hang') return;
    else if (step === 'close') return void response.socket?.end();
    else if (step === 'reset') return void response.socket?.resetAndDestroy();
    else {
      response.write(step);
      await new Promise(setImmediate);
    }
  }
  response.end();
}

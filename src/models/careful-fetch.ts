/**
 * Wraps a fetch so that it follows no redirect, on which a key would travel along, and reads no response beyond so many
 * bytes: what parses it keeps a line that never ends in memory.
 */
export function createCarefulFetch(fetch: typeof globalThis.fetch, maxBytes: number): typeof globalThis.fetch {
  return async (input, init) => {
    const response = await fetch(input, { ...init, redirect: 'manual' });
    if (response.body === null) return response;
    const { status, statusText, headers } = response;
    return new Response(limitStream(response.body, maxBytes), { status, statusText, headers });
  };
}

function limitStream(stream: ReadableStream<Uint8Array>, maxBytes: number): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  let leftBytes = maxBytes;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) return controller.close();
        leftBytes -= value.byteLength;
        if (leftBytes >= 0) return controller.enqueue(value);
        reader.cancel().catch(() => {});
        controller.error(new Error(`The response is longer than ${maxBytes} bytes.`));
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

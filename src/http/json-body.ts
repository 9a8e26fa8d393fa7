import type { Plugin } from 'graphql-yoga';
import { MalformedBodyError, PayloadTooLargeError, UnsupportedMediaTypeError } from '../domain/errors.ts';

/** The largest body that any request may have. */
export const MAX_BODY_BYTES = 256 * 1024;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Reads the bodies of GraphQL requests: JSON and nothing else, bounded, and in valid UTF-8. */
export function useJsonBody(): Plugin {
  return {
    onRequestParse({ request, setRequestParser }) {
      if (request.method !== 'POST') return;
      setRequestParser(async () => {
        if (!isJson(request.headers.get('content-type'))) throw new UnsupportedMediaTypeError();
        const params = parseJson(await readBody(request));
        // Neither a list (a batch) nor anything else that names no query.
        if (typeof params !== 'object' || params === null || Array.isArray(params)) throw new MalformedBodyError();
        return params;
      });
    },
  };
}

function isJson(contentType: string | null): boolean {
  return contentType?.split(';')[0]?.trim().toLowerCase() === 'application/json';
}

async function readBody(request: Request): Promise<Uint8Array> {
  const length = request.headers.get('content-length');
  if (length !== null) {
    if (Number(length) > MAX_BODY_BYTES) throw new PayloadTooLargeError();
    // The HTTP parser takes no byte more than was announced.
    return new Uint8Array(await request.arrayBuffer());
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_BODY_BYTES) throw new PayloadTooLargeError();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(body));
  } catch {
    throw new MalformedBodyError();
  }
}

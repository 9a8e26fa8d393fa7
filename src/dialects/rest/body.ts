import { MalformedBodyError, PayloadTooLargeError, UnsupportedMediaTypeError } from '../../domain/errors.ts';
import { MAX_BODY_BYTES } from '../../domain/shared-limits.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads a JSON body: bounded, and in valid UTF-8, which the framework does not check.
 * @throws PayloadTooLargeError, UnsupportedMediaTypeError; MalformedBodyError for an invalid or absent body.
 */
export async function readJson(request: Request): Promise<unknown> {
  const bytes = await readBytes(request);
  const isJson = /^application\/json\s*(;|$)/i.test(request.headers.get('Content-Type') ?? '');
  if (bytes.byteLength > 0 && !isJson) throw new UnsupportedMediaTypeError();
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch {
    throw new MalformedBodyError();
  }
}

async function readBytes(request: Request): Promise<Uint8Array> {
  try {
    const length = request.headers.get('Content-Length');
    if (length === null) return await readChunks(request);
    // A body above the limit is not read at all: a half-read body would prevent the reuse of the connection.
    if (Number(length) > MAX_BODY_BYTES) throw new PayloadTooLargeError();
    return new Uint8Array(await request.arrayBuffer());
  } catch (error) {
    if (error instanceof PayloadTooLargeError) throw error;
    // The client disconnected before the end of its body.
    throw new MalformedBodyError();
  }
}

async function readChunks(request: Request): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // `for await` would destroy the connection on an early exit, before the refusal is sent.
  const reader = request.body?.getReader();
  for (let read = await reader?.read(); read?.value !== undefined; read = await reader?.read()) {
    size += read.value.byteLength;
    if (size > MAX_BODY_BYTES) throw new PayloadTooLargeError();
    chunks.push(read.value);
  }
  return Buffer.concat(chunks);
}

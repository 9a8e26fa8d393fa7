import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import {
  MalformedBodyError,
  PayloadTooLargeError,
  RefusalError,
  UnsupportedEncodingError,
  UnsupportedMediaTypeError,
} from '../../domain/errors.ts';
import { MAX_BODY_BYTES } from '../../domain/shared-limits.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });
const gunzipBytes = promisify(gunzip);

/**
 * Reads a JSON body: bounded, compressed with gzip or not, and in valid UTF-8, which the framework does not check.
 * @throws PayloadTooLargeError if the body is too large, compressed or not; UnsupportedMediaTypeError;
 * UnsupportedEncodingError; MalformedBodyError for an invalid or absent body.
 */
export async function readJson(request: Request): Promise<unknown> {
  const decode = chooseDecoder(request.headers.get('Content-Encoding'));
  const bytes = await readBytes(request);
  const isJson = /^application\/json\s*(;|$)/i.test(request.headers.get('Content-Type') ?? '');
  if (bytes.byteLength > 0 && !isJson) throw new UnsupportedMediaTypeError();
  try {
    return JSON.parse(utf8.decode(await decode(bytes)));
  } catch (error) {
    throw error instanceof RefusalError ? error : new MalformedBodyError();
  }
}

/** Chooses the decoder of a content coding. Source: RFC 9110, section 8.4. */
function chooseDecoder(coding: string | null): (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array> {
  switch (coding?.trim().toLowerCase() || 'identity') {
    case 'identity':
      return (bytes) => bytes;
    case 'gzip':
    case 'x-gzip':
      return decompress;
    default:
      throw new UnsupportedEncodingError();
  }
}

async function decompress(bytes: Uint8Array): Promise<Uint8Array> {
  try {
    return await gunzipBytes(bytes, { maxOutputLength: MAX_BODY_BYTES });
  } catch (error) {
    const isTooLarge = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
    throw isTooLarge ? new PayloadTooLargeError() : new MalformedBodyError();
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

import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import {
  MalformedBodyError,
  PayloadTooLargeError,
  RefusalError,
  UnsupportedEncodingError,
  UnsupportedMediaTypeError,
} from '../../domain/errors.ts';
import { MAX_BODY_BYTES, MAX_LARGE_BODY_BYTES } from '../../domain/shared-limits.ts';
import { hasLargeStructure } from './json-structure.ts';

/** The permit of a request to have a body above `MAX_BODY_BYTES`, up to `MAX_LARGE_BODY_BYTES`. */
export interface LargeBodyPermit {
  /** Whether the request has such a body. */
  readonly isUsed: boolean;
  /**
   * Waits until the process has memory for such a body. Called at most once, before more than `MAX_BODY_BYTES` are read or
   * decompressed.
   * @throws RefusalError after too long a wait; the reason of the abort if the exchange ends.
   */
  use(): Promise<void>;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });
const gunzipBytes = promisify(gunzip);

/**
 * Reads a JSON body: bounded, compressed with gzip or not, and in valid UTF-8, which the framework does not check. In a
 * body that is large by a permit, only strings may be: see `hasLargeStructure`.
 * @throws PayloadTooLargeError if the body is too large, compressed or not; UnsupportedMediaTypeError;
 * UnsupportedEncodingError; MalformedBodyError for an invalid or absent body; what the permit throws.
 */
export async function readJson(request: Request, permit?: LargeBodyPermit): Promise<unknown> {
  const decode = chooseDecoder(request.headers.get('Content-Encoding'));
  const bytes = await readBytes(request, permit);
  const isJson = /^application\/json\s*(;|$)/i.test(request.headers.get('Content-Type') ?? '');
  if (bytes.byteLength > 0 && !isJson) throw new UnsupportedMediaTypeError();
  const json = await decode(bytes, permit);
  if (json.byteLength > MAX_BODY_BYTES && hasLargeStructure(json, MAX_BODY_BYTES)) {
    throw new PayloadTooLargeError(`Without its texts, the body must have at most ${MAX_BODY_BYTES / 1_024} kB.`);
  }
  try {
    return JSON.parse(utf8.decode(json));
  } catch {
    throw new MalformedBodyError();
  }
}

type Decode = (bytes: Uint8Array, permit: LargeBodyPermit | undefined) => Uint8Array | Promise<Uint8Array>;

/** Chooses the decoder of a content coding. Source: RFC 9110, section 8.4. */
function chooseDecoder(coding: string | null): Decode {
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

async function decompress(bytes: Uint8Array, permit: LargeBodyPermit | undefined): Promise<Uint8Array> {
  const small = permit?.isUsed ? undefined : await decompressWithin(MAX_BODY_BYTES, bytes);
  if (small !== undefined) return small;
  if (permit === undefined) throw new PayloadTooLargeError();
  if (!permit.isUsed) await permit.use();
  const large = await decompressWithin(MAX_LARGE_BODY_BYTES, bytes);
  if (large === undefined) throw createTooLargeError(permit);
  return large;
}

/** Decompresses a body; returns undefined if it is larger. */
async function decompressWithin(maxOutputLength: number, bytes: Uint8Array): Promise<Uint8Array | undefined> {
  try {
    return await gunzipBytes(bytes, { maxOutputLength });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw new MalformedBodyError();
  }
}

async function readBytes(request: Request, permit: LargeBodyPermit | undefined): Promise<Uint8Array> {
  const length = request.headers.get('Content-Length');
  // A body above the limit is not read at all: a half-read body would prevent the reuse of the connection.
  if (Number(length) > maxBytesOf(permit)) throw createTooLargeError(permit);
  if (Number(length) > MAX_BODY_BYTES) await permit?.use();
  try {
    return length === null ? await readChunks(request, permit) : new Uint8Array(await request.arrayBuffer());
  } catch (error) {
    if (error instanceof RefusalError) throw error;
    // The client disconnected before the end of its body.
    throw new MalformedBodyError();
  }
}

async function readChunks(request: Request, permit: LargeBodyPermit | undefined): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // `for await` would destroy the connection on an early exit, before the refusal is sent.
  const reader = request.body?.getReader();
  try {
    for (let read = await reader?.read(); read?.value !== undefined; read = await reader?.read()) {
      size += read.value.byteLength;
      if (size > maxBytesOf(permit)) throw createTooLargeError(permit);
      if (size > MAX_BODY_BYTES && !permit?.isUsed) await permit?.use();
      chunks.push(read.value);
    }
  } catch (error) {
    void discardRest(reader);
    throw error;
  }
  return Buffer.concat(chunks);
}

/** Reads the rest of a refused body, because the client sends its next request after it. */
async function discardRest(reader: ReadableStreamDefaultReader | undefined): Promise<void> {
  try {
    while ((await reader?.read())?.done === false);
  } catch {
    // The connection has been closed.
  }
}

const maxBytesOf = (permit: LargeBodyPermit | undefined): number =>
  permit === undefined ? MAX_BODY_BYTES : MAX_LARGE_BODY_BYTES;

const createTooLargeError = (permit: LargeBodyPermit | undefined): PayloadTooLargeError =>
  permit === undefined
    ? new PayloadTooLargeError()
    : new PayloadTooLargeError(
        `Request body is too large. At most ${MAX_LARGE_BODY_BYTES / 1_048_576} MB are accepted.`,
      );

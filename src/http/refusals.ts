import type { ServerResponse } from 'node:http';
import type { GraphQLError } from 'graphql';
import { ERRORS, RateLimitedError, RefusalError, ShuttingDownError } from '../domain/errors.ts';
import { STREAM_HEADERS } from '../domain/event-stream.ts';
import { toPublicError } from './graphql-errors.ts';
import { isStreamType, type MediaType, negotiateTypes, typeOfRefusal } from './media-types.ts';
import { sendRestError } from './operator.ts';

/** Writes a single result in each media type. Sources: the protocols of graphql-sse and of Apollo's multipart responses. */
const WRITERS: Readonly<Record<MediaType, { contentType: string; write: (json: string) => string }>> = {
  'application/json': { contentType: 'application/json; charset=utf-8', write: (json) => json },
  'application/graphql-response+json': {
    contentType: 'application/graphql-response+json; charset=utf-8',
    write: (json) => json,
  },
  'text/event-stream': {
    contentType: 'text/event-stream',
    write: (json) => `event: next\ndata: ${json}\n\nevent: complete\ndata:\n\n`,
  },
  'multipart/mixed': {
    contentType: 'multipart/mixed; boundary="-"',
    write: (json) => `\r\n---\r\nContent-Type: application/json; charset=utf-8\r\n\r\n${json}\r\n-----\r\n`,
  },
};

/** Sends an error in the format of the requested API. An error that is not a refusal shows no details. */
export function sendRefusal(response: ServerResponse, error: unknown, route?: string): void {
  const isTemporary = error instanceof RateLimitedError || error instanceof ShuttingDownError;
  if (isTemporary) response.setHeader('Retry-After', Math.ceil(error.retryAfterMs / 1_000));
  const code = error instanceof RefusalError ? error.code : 'INTERNAL_SERVER_ERROR';
  if (route === 'graphql') sendGraphQLError(response, toPublicError(error));
  else sendRestError(response, code, isTemporary ? error.message : ERRORS[code].text);
}

/** Sends an error that prevents the execution of an operation, in the media type that the request accepts. */
export function sendGraphQLError(response: ServerResponse, { message, extensions }: GraphQLError): void {
  const { http, unexpected, ...visible } = extensions;
  const { status = ERRORS.INTERNAL_SERVER_ERROR.status } = (http ?? {}) as { status?: number };
  const { contentType, write } = WRITERS[typeOfRefusal(negotiateTypes(response.req.headers.accept))];
  response.writeHead(status, { 'Content-Type': contentType, ...(isStreamType(contentType) && STREAM_HEADERS) });
  response.end(write(JSON.stringify({ errors: [{ message, extensions: visible }] })));
}

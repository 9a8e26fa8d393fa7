import type { Context } from 'hono';
import {
  type ErrorCode,
  InvalidInputError,
  NotFoundError,
  type RefusalError,
  ShuttingDownError,
} from '../../domain/errors.ts';
import { readJson } from './body.ts';
import type { RestEnv, RestOptions } from './context.ts';
import {
  MessageStreamDocument,
  SendMessageDocument,
  type SendMessageMutation,
  StopMessageDocument,
} from './documents.ts';
import { CodedError, toInvalidInput } from './errors.ts';
import type { GraphClient } from './graph-client.ts';
import { ChatRequestSchema } from './schemas.ts';

const KEY_HEADER = 'Idempotency-Key';

/**
 * Sends the message of a chat request and waits for the end of the reply, at most `chatTimeoutMs`.
 * @returns the text of the reply, even if the reply ended early; or the notice of the chatbot if there is no reply.
 * @throws RefusalError with the code of an invalid body or of a GraphQL error, `ANSWER_FAILED` for a reply without
 * text, `NOT_FOUND` if the reply was deleted meanwhile, or `ANSWER_TIMEOUT`. A reply continues after a timeout or a
 * disconnect; the same request with the same idempotency key waits for it again.
 * @throws ShuttingDownError if the gateway starts to stop before the reply starts, or closes before the reply ends.
 * A queued reply is then withdrawn, unless an idempotency key lets the client retry.
 */
export async function chat(c: Context<RestEnv, string>, { chatTimeoutMs }: RestOptions): Promise<string> {
  const { graph, accountId } = c.var;
  const timeout = AbortSignal.timeout(chatTimeoutMs);
  const body = ChatRequestSchema.safeParse(await readJson(c.req.raw));
  if (!body.success) throw toInvalidInput(body.error);
  const { message, session_id } = body.data;
  const clientMessageId = readIdempotencyKey(c.req.header(KEY_HEADER));

  const { sendMessage } = await graph.query(SendMessageDocument, {
    input: {
      chatbotId: c.req.param('chatbot_id') ?? '',
      sessionId: session_id ?? `api-${accountId}`,
      content: message,
      clientMessageId,
    },
  });
  if (sendMessage.__typename !== 'SendMessagePayload') throw toRefusal(sendMessage);
  const { reply, notice } = sendMessage;
  if (reply === null) return notice ?? '';

  const { signal, drainSignal } = c.env;
  const result = await followReply(graph, reply, { signal: AbortSignal.any([timeout, signal]), drainSignal });
  if (result === NOT_STARTED) {
    if (clientMessageId === undefined) await graph.query(StopMessageDocument, { messageId: reply.id });
    throw new ShuttingDownError();
  }
  if (result === undefined && signal.reason instanceof ShuttingDownError) throw signal.reason;
  if (result === undefined && timeout.aborted) throw new CodedError('ANSWER_TIMEOUT');
  if (!result) throw new CodedError('ANSWER_FAILED');
  return result;
}

/**
 * Reads an idempotency key, quoted as a string of RFC 8941 or bare. `sendMessage` checks its length.
 * @throws InvalidInputError for an unterminated quote.
 */
function readIdempotencyKey(header: string | undefined): string | undefined {
  if (!header?.startsWith('"')) return header;
  const quoted = /^"((?:[^"\\]|\\["\\])*)"$/.exec(header);
  if (quoted === null)
    throw new InvalidInputError([{ path: [KEY_HEADER], message: 'Must be a string in quotes, or bare.' }]);
  return quoted[1]?.replace(/\\(.)/g, '$1');
}

/** The result for a reply that had not started when the gateway started to stop. */
const NOT_STARTED = Symbol('not started');

/**
 * Follows a reply.
 * @returns its text at the end; `undefined` if `signal` aborts; `NOT_STARTED` if the gateway starts to stop before the
 * reply starts.
 * @throws NotFoundError when its chatbot or conversation is deleted.
 */
async function followReply(
  graph: GraphClient,
  { id: messageId, status }: NonNullable<SendPayload['reply']>,
  { signal, drainSignal }: { signal: AbortSignal; drainSignal: AbortSignal | undefined },
): Promise<string | typeof NOT_STARTED | undefined> {
  const startWait = new AbortController();
  const stopWaiting = () => startWait.abort();
  if (status === 'QUEUED') {
    if (drainSignal?.aborted) return NOT_STARTED;
    drainSignal?.addEventListener('abort', stopWaiting);
  }
  try {
    const followSignal = AbortSignal.any([signal, startWait.signal]);
    for await (const { messageStream } of await graph.subscribe(MessageStreamDocument, { messageId }, followSignal)) {
      if ('message' in messageStream) return messageStream.message.content;
      if (messageStream.__typename === 'ConversationDeleted') throw new NotFoundError('Conversation');
      if (messageStream.__typename === 'MessageStarted') drainSignal?.removeEventListener('abort', stopWaiting);
    }
    return startWait.signal.aborted ? NOT_STARTED : undefined;
  } finally {
    drainSignal?.removeEventListener('abort', stopWaiting);
  }
}

type SendPayload = Extract<SendMessageMutation['sendMessage'], { __typename: 'SendMessagePayload' }>;

type SendError = Exclude<SendMessageMutation['sendMessage'], { __typename: 'SendMessagePayload' }>;

const FIELD_NAMES: Readonly<Record<string, string>> = {
  content: 'message',
  sessionId: 'session_id',
  clientMessageId: KEY_HEADER,
};

/** Converts a GraphQL error of `sendMessage`, with the field names of REST. */
function toRefusal(error: SendError): RefusalError {
  // Every code of a GraphQL error is a key of `ERRORS`.
  if (error.__typename !== 'InvalidInputError') return new CodedError(error.code as ErrorCode);
  return new InvalidInputError(
    error.fields.map(({ path, message }) => ({ path: path.map((name) => FIELD_NAMES[name] ?? name), message })),
  );
}

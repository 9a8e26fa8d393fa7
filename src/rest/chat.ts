import type { Context } from 'hono';
import { type ErrorCode, InvalidInputError, NotFoundError, type RefusalError } from '../domain/errors.ts';
import { readJson } from './body.ts';
import type { RestEnv, RestOptions } from './context.ts';
import { MessageStreamDocument, SendMessageDocument, type SendMessageMutation } from './documents.ts';
import { CodedError, toInvalidInput } from './errors.ts';
import type { GraphClient } from './graph-client.ts';
import { ChatRequestModel } from './models.ts';

const KEY_HEADER = 'Idempotency-Key';

/**
 * Sends the message of a chat request and waits for the end of the answer, at most `chatTimeoutMs`.
 * @returns the text, also of an answer that was broken off; or the notice that there will be none.
 * @throws RefusalError with the code of what went wrong: of the body, of the graph, `ANSWER_FAILED` where there is no
 * text, `NOT_FOUND` where all was deleted meanwhile, and `ANSWER_TIMEOUT`. The answer goes on when nobody waits for it; the same request with the same idempotency key
 * waits for it again.
 */
export async function chat(c: Context<RestEnv, string>, { chatTimeoutMs }: RestOptions): Promise<string> {
  const { graph, accountId } = c.var;
  const timeout = AbortSignal.timeout(chatTimeoutMs);
  const body = ChatRequestModel.safeParse(await readJson(c.req.raw));
  if (!body.success) throw toInvalidInput(body.error);
  const { message, session_id } = body.data;

  const { sendMessage } = await graph.query(SendMessageDocument, {
    input: {
      chatbotId: c.req.param('chatbot_id') ?? '',
      sessionId: session_id ?? `api-${accountId}`,
      content: message,
      clientMessageId: readIdempotencyKey(c.req.header(KEY_HEADER)),
    },
  });
  if (sendMessage.__typename !== 'SendMessagePayload') throw toRefusal(sendMessage);
  if (sendMessage.reply === null) return sendMessage.notice ?? '';

  const text = await follow(graph, sendMessage.reply.id, AbortSignal.any([timeout, c.env.signal]));
  if (text === undefined && timeout.aborted) throw new CodedError('ANSWER_TIMEOUT');
  if (!text) throw new CodedError('ANSWER_FAILED');
  return text;
}

/**
 * Reads the key of a request that may be sent again, quoted as a string of RFC 8941 or bare. How long it may be is the
 * graph's affair.
 * @throws InvalidInputError for a quote without its end.
 */
function readIdempotencyKey(header: string | undefined): string | undefined {
  if (!header?.startsWith('"')) return header;
  const quoted = /^"((?:[^"\\]|\\["\\])*)"$/.exec(header);
  if (quoted === null)
    throw new InvalidInputError([{ path: [KEY_HEADER], message: 'Must be a string in quotes, or bare.' }]);
  return quoted[1]?.replace(/\\(.)/g, '$1');
}

/**
 * Follows an answer. Its text when it has ended; `undefined` when it was left.
 * @throws NotFoundError when its chatbot or conversation was deleted.
 */
async function follow(graph: GraphClient, messageId: string, signal: AbortSignal): Promise<string | undefined> {
  for await (const { messageStream } of await graph.subscribe(MessageStreamDocument, { messageId }, signal)) {
    if ('message' in messageStream) return messageStream.message.content;
    if (messageStream.__typename === 'ConversationDeleted') throw new NotFoundError('Conversation');
  }
  return undefined;
}

type Refused = Exclude<SendMessageMutation['sendMessage'], { __typename: 'SendMessagePayload' }>;

const FIELD_NAMES: Readonly<Record<string, string>> = {
  content: 'message',
  sessionId: 'session_id',
  clientMessageId: KEY_HEADER,
};

/** Makes the error that the graph answered, its fields named as they are here. */
function toRefusal(refused: Refused): RefusalError {
  // Every code of the graph is one of the table.
  if (refused.__typename !== 'InvalidInputError') return new CodedError(refused.code as ErrorCode);
  return new InvalidInputError(
    refused.fields.map(({ path, message }) => ({ path: path.map((name) => FIELD_NAMES[name] ?? name), message })),
  );
}

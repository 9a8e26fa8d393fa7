import { ReplyDocument, type ReplySubscription } from './documents.ts';
import { ChatGraphError } from './errors.ts';
import { type Citation, hasEnded, isSame, type Message } from './messages.ts';
import { createClientMessageId, type Sends } from './sends.ts';
import type { Subscriptions } from './subscriptions.ts';

/** A piece of a reply. */
export type ReplyPiece =
  /** New text, and the whole text so far. */
  | { readonly type: 'text'; readonly text: string; readonly content: string }
  /** Evidence for text that has been streamed. */
  | { readonly type: 'citation'; readonly citation: Citation }
  /** The end: the whole reply, with its final text, status and citations. It may be shorter than the streamed text. */
  | { readonly type: 'end'; readonly reply: Message }
  /** Instead of a reply: what the chatbot says while a person answers. The only piece. */
  | { readonly type: 'notice'; readonly notice: string };

/** A whole answer. */
export interface Answer {
  /** The text of the reply, or the notice while a person answers. */
  readonly text: string;
  readonly citations: readonly Citation[];
  /** The reply; null while a person answers. */
  readonly reply: Message | null;
}

/** The options of one question. */
export interface AskOptions {
  /** Ends the wait. Without it, the client tries again for as long as the gateway cannot be reached. */
  readonly signal?: AbortSignal;
}

type ReplyEvent = ReplySubscription['messageStream'];

/** Sends a question, and yields its reply while it is written, each piece once, across all connections. */
export async function* streamReply(
  { sends, subscriptions }: { sends: Sends; subscriptions: Subscriptions },
  content: string,
  { signal }: AskOptions = {},
): AsyncGenerator<ReplyPiece, void, undefined> {
  const { reply, notice } = await sends.send({ clientMessageId: createClientMessageId(), content }, signal);
  if (reply === null) {
    yield { type: 'notice', notice: notice ?? '' };
    return;
  }
  const progress = createProgress();
  for await (const event of readEvents(subscriptions, reply.id, signal)) yield* progress.apply(event);
}

/**
 * Sends a question, and returns its whole reply.
 * @throws ChatGraphError `REPLY_FAILED` or `REPLY_INTERRUPTED` if the reply has failed or was interrupted.
 */
export async function askForReply(pieces: AsyncIterable<ReplyPiece>): Promise<Answer> {
  for await (const piece of pieces) {
    if (piece.type === 'notice') return { text: piece.notice, citations: [], reply: null };
    if (piece.type !== 'end') continue;
    const { reply } = piece;
    if (reply.status === 'FAILED' || reply.status === 'INTERRUPTED') {
      throw new ChatGraphError(`REPLY_${reply.status}`, reply.error?.message ?? 'The reply was interrupted.');
    }
    return { text: reply.content, citations: reply.citations, reply };
  }
  throw new ChatGraphError('NOT_FOUND', 'The reply was deleted.');
}

/** The events of a reply up to its end. */
async function* readEvents(subscriptions: Subscriptions, messageId: string, signal: AbortSignal | undefined) {
  const events: ReplyEvent[] = [];
  let end: { error?: unknown } | undefined;
  let wake = () => {};
  const finish = (error?: unknown) => {
    end ??= { error };
    wake();
  };
  const abort = () => finish(signal?.reason);
  const unsubscribe = subscriptions.subscribe(
    { query: ReplyDocument.query, documentId: ReplyDocument.id, variables: { messageId } },
    {
      next: ({ data, errors }) => {
        if (errors?.length) return finish(new ChatGraphError('INTERNAL_SERVER_ERROR', errors[0]?.message ?? ''));
        events.push((data as unknown as ReplySubscription).messageStream);
        wake();
      },
      error: finish,
      complete: finish,
    },
  );
  signal?.addEventListener('abort', abort);
  if (signal?.aborted) abort();
  try {
    while (true) {
      const event = events.shift();
      if (event !== undefined) yield event;
      else if (end?.error !== undefined) throw end.error;
      else if (end !== undefined) return;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  } finally {
    signal?.removeEventListener('abort', abort);
    unsubscribe();
  }
}

/** Turns events into pieces. A stream that starts again sends text and citations that were streamed before. */
function createProgress() {
  let content = '';
  const citations: Citation[] = [];

  function* addText(offset: number, text: string): Generator<ReplyPiece> {
    const added = text.slice(Math.max(0, content.length - offset));
    if (added === '' || offset > content.length) return;
    content += added;
    yield { type: 'text', text: added, content };
  }

  function* addCitation(citation: Citation): Generator<ReplyPiece> {
    if (citations.some((known) => isSame(known, citation))) return;
    citations.push(citation);
    yield { type: 'citation', citation };
  }

  return {
    *apply(event: ReplyEvent): Generator<ReplyPiece> {
      if (event.__typename === 'MessageDelta') yield* addText(event.offset, event.text);
      else if (event.__typename === 'CitationAdded') yield* addCitation(event.citation);
      else if ('message' in event && hasEnded(event.message)) {
        const { message } = event;
        if (message.content.startsWith(content)) yield* addText(0, message.content);
        for (const citation of message.citations) yield* addCitation(citation);
        yield { type: 'end', reply: message };
      }
    },
  };
}

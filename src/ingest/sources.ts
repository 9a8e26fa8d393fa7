import { z } from 'zod';
import type { Viewer } from '../access/viewer.ts';
import type { Deps } from '../deps.ts';
import type { Passage, Source } from '../domain/entities.ts';
import { InvalidInputError, NotFoundError } from '../domain/errors.ts';
import { createId, parseId } from '../domain/ids.ts';
import { line, parseInput, text } from '../domain/input.ts';
import { toTimestamp } from '../domain/time.ts';
import { findChatbot } from '../store/chatbots.ts';
import { enqueueEvents, type Happening } from '../store/outbox.ts';
import { insertPassages } from '../store/passages.ts';
import { indexPassages, unindexSource } from '../store/search.ts';
import { deleteSource as deleteStoredSource, findSource, insertSource } from '../store/sources.ts';
import { type Chunk, chunkMarkdown, cleanText } from './chunk.ts';

/** What to read, and for whom. */
export interface CreateSourceInput {
  readonly chatbotId: string;
  /** Absent: the question, or the first heading or line of the text. */
  readonly title?: string | null | undefined;
  /** Exactly one of: Markdown or plain text; a question with its answer. */
  readonly content: {
    readonly text?: string | null | undefined;
    readonly qa?: { readonly question: string; readonly answer: string } | null | undefined;
  };
}

const MAX_TITLE_CHARS = 255;
const MAX_TEXT_CHARS = 1_000_000;

/** Text that is shown and searched as it is, without the cutting that cleans longer text. */
const cleaned = (min: number, max: number) => text(min, max).transform(cleanText).pipe(text(min, max));

const rules = z.object({
  title: line(1, MAX_TITLE_CHARS).pipe(cleaned(1, MAX_TITLE_CHARS)).optional(),
  content: z
    .object({
      text: text(1, MAX_TEXT_CHARS).nullish(),
      qa: z.object({ question: cleaned(1, 2_000), answer: cleaned(1, 20_000) }).nullish(),
    })
    .refine(({ text, qa }) => (text == null) !== (qa == null), 'Give exactly one of text and qa.'),
});

/**
 * Adds a source to a chatbot and reads it: when this resolves, its passages can be found and cited.
 * @throws InvalidInputError, also when the text holds nothing to read; NotFoundError when there is no such chatbot.
 */
export async function createSource(
  deps: Pick<Deps, 'db' | 'clock'>,
  viewer: Pick<Viewer, 'accountId'>,
  input: CreateSourceInput,
): Promise<Source> {
  const { content, title = inventTitle(content) } = parseInput(rules, { ...input });
  const chunks: Chunk[] = content.qa
    ? [{ headingPath: [content.qa.question], text: content.qa.answer }]
    : chunkMarkdown(content.text ?? '');
  if (chunks.length === 0) throw new InvalidInputError([{ path: ['content'], message: 'There is no text in it.' }]);

  const { accountId } = viewer;
  const chatbotId = parseId('chatbot', input.chatbotId);
  return deps.db.transaction(async (trx) => {
    if (chatbotId === undefined || (await findChatbot(trx, accountId, chatbotId)) === undefined) {
      throw new NotFoundError('Chatbot');
    }
    const at = toTimestamp(deps.clock.now());
    const source: Source = {
      id: createId('source'),
      accountId,
      chatbotId,
      type: content.qa ? 'QA' : 'TEXT',
      title,
      url: null,
      status: 'DONE',
      error: null,
      pageCount: 1,
      createdAt: at,
      updatedAt: at,
    };
    const passages = chunks.map(
      (chunk, position): Passage => ({
        id: createId('passage'),
        accountId,
        chatbotId,
        sourceId: source.id,
        position,
        ...chunk,
      }),
    );
    await insertSource(trx, source);
    await insertPassages(trx, passages);
    await indexPassages(
      trx,
      passages.map((passage) => ({ passage, sourceTitle: title })),
    );
    await enqueueEvents(trx, { accountId, chatbotId, at }, [sourceDone(source)]);
    return source;
  });
}

function sourceDone({ id, title, type, pageCount }: Source): Happening {
  const data = { source_id: id, title, type: type.toLowerCase(), page_count: pageCount };
  return { name: 'SOURCE_DONE', tell: () => ({ sourceId: id, data }) };
}

function inventTitle({ qa, text }: z.output<typeof rules>['content']): string {
  const first = qa?.question ?? /\S.*/.exec(cleanText(text ?? ''))?.[0] ?? '';
  return (
    first
      .replace(/^#+\s*/, '')
      .replace(/[\p{Cc}\s]+/gu, ' ')
      .slice(0, MAX_TITLE_CHARS)
      .toWellFormed()
      .trim() || 'Untitled'
  );
}

/**
 * Deletes a source with its passages, and returns its id. Citations of it keep their quote.
 * @throws NotFoundError
 */
export async function deleteSource(
  deps: Pick<Deps, 'db'>,
  viewer: Viewer,
  input: { id: string },
): Promise<{ deletedId: string }> {
  const id = parseId('source', input.id);
  return deps.db.transaction(async (trx) => {
    const source = id && (await findSource(trx, viewer.accountId, id));
    if (!source) throw new NotFoundError('Source');
    await unindexSource(trx, viewer.accountId, source.id);
    await deleteStoredSource(trx, viewer.accountId, source.id);
    return { deletedId: source.id };
  });
}

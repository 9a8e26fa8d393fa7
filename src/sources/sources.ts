import { z } from 'zod';
import type { Viewer } from '../access/viewer.ts';
import type { Deps } from '../deps.ts';
import type { Passage, Source } from '../domain/entities.ts';
import { InvalidInputError, NotFoundError } from '../domain/errors.ts';
import { createId, createIdAfter, parseId } from '../domain/ids.ts';
import { parseInput, singleLine, text } from '../domain/input.ts';
import { toTimestamp } from '../domain/time.ts';
import { findChatbot } from '../store/chatbots.ts';
import { findNewestId } from '../store/newest-ids.ts';
import { addIndexEntries, splitTerms, unindexSource } from '../store/search/inverted-index.ts';
import { insertPassages } from '../store/search/passages.ts';
import { deleteSource as deleteStoredSource, findSource, insertSource } from '../store/sources.ts';
import { enqueueEvents, type OutboxEvent } from '../store/webhooks/outbox.ts';
import { cleanText } from './clean-text.ts';
import { MAX_TITLE_CHARS, type SourceContent } from './read-source.ts';

/** A new source and its chatbot. */
export interface CreateSourceInput {
  readonly chatbotId: string;
  /** Absent: the title is the question, the title that the text gives itself, or its first heading or line. */
  readonly title?: string | null | undefined;
  /** Exactly one of: a text, as `readDocument` reads it; a question with its answer. */
  readonly content: SourceContent;
}

const MAX_TEXT_CHARS = 1_000_000;

/** The rule for a text that `readDocument` does not read. It cleans the text; `readDocument` cleans the others. */
const cleanedText = (min: number, max: number) => text(min, max).transform(cleanText).pipe(text(min, max));

const rules = z.object({
  title: singleLine(1, MAX_TITLE_CHARS).pipe(cleanedText(1, MAX_TITLE_CHARS)).optional(),
  content: z
    .object({
      text: text(1, MAX_TEXT_CHARS).nullish(),
      qa: z.object({ question: cleanedText(1, 2_000), answer: cleanedText(1, 20_000) }).nullish(),
    })
    .refine(({ text, qa }) => (text == null) !== (qa == null), 'Give exactly one of text and qa.'),
});

/**
 * Adds a source to a chatbot and reads it. When the promise resolves, search finds the source's passages, unless the
 * source is FAILED because reading it takes too much time or memory, or finds no text.
 * @throws InvalidInputError, also when the text is empty after cleaning; NotFoundError when there is no such chatbot.
 */
export async function createSource(
  deps: Pick<Deps, 'db' | 'clock' | 'sourceReader'>,
  viewer: Pick<Viewer, 'accountId'>,
  input: CreateSourceInput,
): Promise<Source> {
  const parsed = parseInput(rules, { ...input });
  const { title, passages: chunks, failure } = await deps.sourceReader.read(parsed);
  if (chunks.length === 0 && failure === null)
    throw new InvalidInputError([{ path: ['content'], message: 'Must contain text.' }]);

  const { accountId } = viewer;
  const chatbotId = parseId('chatbot', input.chatbotId);
  return deps.db.transaction(async (trx) => {
    if (chatbotId === undefined || (await findChatbot(trx, accountId, chatbotId)) === undefined) {
      throw new NotFoundError('Chatbot');
    }
    const at = toTimestamp(deps.clock.now());
    const source: Source = {
      id: createIdAfter('source', await findNewestId(trx, 'sources', chatbotId)),
      accountId,
      chatbotId,
      type: parsed.content.qa ? 'QA' : 'TEXT',
      title,
      url: null,
      status: failure === null ? 'DONE' : 'FAILED',
      error: failure,
      pageCount: failure === null ? 1 : 0,
      createdAt: at,
      updatedAt: at,
    };
    const passages = chunks.map(
      ({ headingPath, text }, position): Passage => ({
        id: createId('passage'),
        accountId,
        chatbotId,
        sourceId: source.id,
        position,
        headingPath,
        text,
      }),
    );
    await insertSource(trx, source);
    await insertPassages(trx, passages);
    await addIndexEntries(
      trx,
      passages.map(({ id: passageId }, index) => ({
        ...{ passageId, accountId, chatbotId, sourceId: source.id },
        terms: splitTerms(chunks[index]?.terms ?? ''),
      })),
    );
    await enqueueEvents(trx, { accountId, chatbotId, at }, [createFinishedEvent(source)]);
    return source;
  });
}

function createFinishedEvent({ id, title, type, pageCount, error }: Source): OutboxEvent {
  const commonData = { source_id: id, title, type: type.toLowerCase() };
  return error === null
    ? { name: 'SOURCE_DONE', buildPayload: () => ({ sourceId: id, data: { ...commonData, page_count: pageCount } }) }
    : { name: 'SOURCE_FAILED', buildPayload: () => ({ sourceId: id, data: { ...commonData, error } }) };
}

/**
 * Deletes a source with its passages, and returns its id. Citations of the source keep their quotes.
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
    await deleteStoredSource(trx, viewer.accountId, source.id);
    await unindexSource(trx, viewer.accountId, source.id);
    return { deletedId: source.id };
  });
}

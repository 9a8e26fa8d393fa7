import { afterAll, beforeAll, expect, it } from 'vitest';
import { retrieve } from '../../src/answer/retrieve.ts';
import { addChatbot, addSource } from '../helpers/corpus.ts';
import { describeDatabases, openTestDatabase } from '../helpers/databases.ts';

const PASSAGES = [
  'To reset your password, open the account page and choose a new one.',
  'Delivery takes three working days. Express delivery costs nine euros.',
  'A refund arrives within ten days after the cancellation of an order.',
  'Our accommodation partners offer rooms near the station.',
  'The form for a claim is on the last page of the contract.',
  'Доставка по городу бесплатна.',
  'Version v2x replaces version v1x.',
  'The forum is open to all. Ask in the forum, read the forum, leave the forum.',
];

describeDatabases('a misspelt question', (engine) => {
  let database: Awaited<ReturnType<typeof openTestDatabase>>;
  let ours: Awaited<ReturnType<typeof addChatbot>>;

  beforeAll(async () => {
    database = await openTestDatabase(engine);
    ours = await addChatbot(database.db);
    await addSource(database.db, ours.accountId, ours.chatbotId, {
      title: 'Help',
      passages: PASSAGES.map((text) => ({ text })),
    });
    const theirs = await addChatbot(database.db);
    await addSource(database.db, theirs.accountId, theirs.chatbotId, {
      title: 'Theirs',
      passages: [{ text: 'Warranty and guarantee.' }],
    });
  });
  afterAll(() => database.close());

  const ask = (question: string) => retrieve(database.db.read, ours.accountId, ours.chatbotId, question, 3);

  it.each([
    ['I forgot my pasword', 'I forgot my password', 0],
    ['How long does delviery take?', 'How long does delivery take?', 1],
    ['Delivry costs?', 'Delivery costs?', 1],
    ['When does my refnd come', 'When does my refund come', 2],
    ['rooms or acomodation', 'rooms or accommodation', 3],
    ['cancelaton of an order', 'cancellation of an order', 2],
    ['Cancellatiom deadlien', 'Cancellation deadlien', 2],
    ['сколько стоит дотсавка', 'сколько стоит доставка', 5],
  ])('%j finds the same as %j', async (question, corrected, passage) => {
    const { hits, correctedQuestion } = await ask(question);
    expect(correctedQuestion).toBe(corrected);
    expect(hits[0]?.passage.text).toBe(PASSAGES[passage]);
    expect(hits.map(({ passage }) => passage.id)).toEqual((await ask(corrected)).hits.map(({ passage }) => passage.id));
  });

  it('is corrected by the word with which a passage fits best', async () => {
    // `forum` and `form` are both one mistake away; `claim` stands beside the second.
    expect((await ask('claim forrm')).correctedQuestion).toBe('claim form');
  });

  it('is corrected only where no passage has the word, and never by a word of another account', async () => {
    expect((await ask('password and delivery')).correctedQuestion).toBeNull();
    const { hits, correctedQuestion } = await ask('waranty');
    expect({ hits, correctedQuestion }).toEqual({ hits: [], correctedQuestion: null });
  });

  it('keeps numbers, names with digits, and very short words', async () => {
    for (const question of ['v3x', '20261', 'ofr', 'xq']) expect((await ask(question)).correctedQuestion).toBeNull();
  });

  it('is answered for a chatbot without sources, and for words by the thousand', async () => {
    const empty = await addChatbot(database.db);
    const { hits } = await retrieve(database.db.read, empty.accountId, empty.chatbotId, 'pasword', 3);
    expect(hits).toEqual([]);
    const long = Array.from({ length: 5_000 }, (_, index) => `pasword${'abcdefgh'[index % 8]}${index % 7}x`).join(' ');
    expect((await ask(`pasword ${long}`)).hits[0]?.passage.text).toBe(PASSAGES[0]);
  });
});

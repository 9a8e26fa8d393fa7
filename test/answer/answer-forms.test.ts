import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createExtractiveEngine } from '../../src/answer/extractive.ts';
import { retrieve } from '../../src/answer/retrieve.ts';
import { addChatbot, addSource, type SourceFixture } from '../helpers/corpus.ts';
import { openTestDatabase } from '../helpers/databases.ts';
import { readAnswer } from '../helpers/models/answers.ts';

const engine = createExtractiveEngine({ delayMs: 0 });
let database: Awaited<ReturnType<typeof openTestDatabase>>;

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(() => database.close());

const page = (title: string, ...texts: readonly string[]): SourceFixture => ({
  title,
  url: `https://example.com/${title.toLowerCase()}`,
  passages: texts.map((text) => ({ headingPath: [title], text })),
});

/** Asks a chatbot with only these sources. The confidence is that of a sure answer by default. */
async function ask(question: string, sources: readonly SourceFixture[], confidence = 0.9, fallbackMessage = 'Sorry.') {
  const { accountId, chatbotId } = await addChatbot(database.db);
  for (const source of sources) await addSource(database.db, accountId, chatbotId, source);
  const retrieval = await retrieve(database.db.read, accountId, chatbotId, question, 8);
  return readAnswer(engine, { content: question, retrieval: { ...retrieval, confidence }, fallbackMessage });
}

describe('a question for a definition', () => {
  it('is answered by the sentence that defines its subject, and by nothing else', async () => {
    const glossary = page(
      'Terms',
      '**Crate.** A crate is a box for ten bottles. Crates are green.\n\n**Lid.** It closes a crate.',
    );
    const price = page('Crates', 'A crate costs two euros. Return each crate with its crate label.');
    expect((await ask('What is a crate?', [glossary, price])).text).toBe('A crate is a box for ten bottles.');
  });

  it('is answered by the opening below a heading that names its subject, if no sentence defines it', async () => {
    const pages = [
      page('Deposits', 'We return two euros for each bottle. Bring them to any shop.'),
      page('Jobs', 'Deposits? Ask us about deposits.'),
    ];
    expect((await ask('What are deposits?', pages)).text).toBe(
      'We return two euros for each bottle. Bring them to any shop.',
    );
  });

  it('is answered by the row of a table whose first cell is its subject', async () => {
    const codes = page('Codes', '| code | meaning |\n|---|---|\n| E17 | the lid is open |\n| E18 | the belt stands |');
    expect((await ask('What does E17 mean?', [codes])).text).toBe('code: E17; meaning: the lid is open');
  });
});

describe('a question how to do something', () => {
  const text =
    'The lid is heavy. To open the lid:\n\n1. Press the button.\n2. Turn the\n   handle.\n\nThe lid opens to the left.';

  it('is answered by the steps that a sentence announces, whole and alone', async () => {
    const { text: answer } = await ask('How do I open the lid?', [page('Lid', text)]);
    expect(answer).toBe('To open the lid:\n\n1. Press the button.\n2. Turn the handle.');
  });

  it('is answered by a command with its sentence', async () => {
    const pages = [
      page('Belt', 'The belt is wide. Start the belt with the command.\n\n```sh\nbelt start\n```\n\nIt is loud.'),
    ];
    expect((await ask('How do I start the belt?', pages)).text).toBe(
      'Start the belt with the command.\n\n```sh\nbelt start\n```',
    );
  });

  it('is answered by the line of a list of commands that its comment describes', async () => {
    const commands =
      '```\nbelt start   # Start the belt\nbelt stop    # Stop the belt\nbelt clean   # Remove crumbs\n```';
    expect((await ask('What command removes crumbs?', [page('Commands', commands)])).text).toBe(
      '```\nbelt clean   # Remove crumbs\n```',
    );
  });

  it('cuts long steps after a whole step, and links to the rest', async () => {
    const steps = Array.from({ length: 30 }, (_, step) => `${step + 1}. Clean part ${step + 1} of the belt with soap.`);
    const { text: answer, citations } = await ask('How do I clean the belt?', [
      page('Belt', `To clean the belt:\n\n${steps.join('\n')}`),
    ]);
    expect(answer).toMatch(
      /^To clean the belt:\n\n1\. Clean [^…]+ soap\.\n\n… \[Belt\]\(https:\/\/example\.com\/belt\)$/,
    );
    expect(answer.length).toBeLessThan(1_000);
    expect(answer.slice(0, citations[0]?.end)).toMatch(/soap\.$/);
  });
});

describe('an answer', () => {
  it('contains no code that was not asked for', async () => {
    const pages = [page('Belt', 'The belt moves ten bottles per second.\n\n```sh\nbelt status\n```')];
    expect((await ask('How fast is the belt?', pages)).text).toBe('The belt moves ten bottles per second.');
  });

  it('contains the sentence that the best one refers to', async () => {
    const pages = [page('Belt', 'We sell belts. The long belt carries glass. It was built in 1990 by hand. Buy now.')];
    expect((await ask('When was the long belt built?', pages)).text).toContain(
      'The long belt carries glass. It was built in 1990 by hand.',
    );
  });

  it('contains the command that its best sentence refers to', async () => {
    const pages = [
      page('Belt', 'Create a loop.\n\n```sh\nbelt loop\n```\n\nRunning this command joins both ends of the belt.'),
    ];
    expect((await ask('Which command joins both ends of the belt?', pages)).text).toBe(
      'Create a loop.\n\n```sh\nbelt loop\n```\n\nRunning this command joins both ends of the belt.',
    );
  });

  it('goes on after the opening below a heading that has the words of the question', async () => {
    const text = 'New in 2.0\n\nThis happens when dust gets in. Clean it with a brush. Then close it.';
    const pages = [{ title: 'Help', passages: [{ headingPath: ['The lid squeaks'], text }] }];
    expect((await ask('why does the lid squeak', pages)).text).toMatch(
      /^This happens when dust gets in\. Clean it with a brush\./,
    );
  });

  it('says the same thing once, even in other words of two pages', async () => {
    const pages = [
      page('A', 'The shop opens at nine in the morning.'),
      page('B', 'Our shop opens at nine in the morning.'),
    ];
    expect((await ask('When does the shop open?', pages)).citations).toHaveLength(1);
  });

  it('is from one page if another page adds nothing that was asked for', async () => {
    const pages = [
      page('Prices', 'A crate of bottles costs ten euros in every shop.'),
      page('Jobs', 'Crates are heavy. You carry crates.'),
    ];
    const { citations } = await ask('What does a crate of bottles cost?', pages);
    expect(citations.map(({ title }) => title)).toEqual(['Prices']);
  });

  it('compares two things by a sentence about each, also of two pages', async () => {
    const pages = [
      page('Crates', 'A crate is a box of wood. It is cheap.'),
      page('Pallets', 'A pallet is a flat floor for boxes. It is heavy.'),
    ];
    expect(
      (await ask('What is the difference between a crate and a pallet?', pages)).text.split('\n\n').toSorted(),
    ).toEqual(['A crate is a box of wood.', 'A pallet is a flat floor for boxes.']);
  });

  it('compares two things by a sentence about each rather than by one list of both', async () => {
    const pages = [
      page('Plans', 'Price of crates and pallets per week:\n\n- crates: one euro\n- pallets: two euros'),
      page('Crates', 'Crates are boxes of wood.'),
      page('Pallets', 'Pallets are flat floors for boxes.'),
    ];
    const { text } = await ask('What is the difference between crates and pallets?', pages);
    expect(text).toContain('Crates are boxes of wood.');
    expect(text).toContain('Pallets are flat floors for boxes.');
  });

  it('writes a row of a table with the names of its columns', async () => {
    const pages = [
      page('Plans', '| plan | price | seats |\n|---|---|---|\n| Basic | 10 euros | 2 |\n| Team | 30 euros | 10 |'),
    ];
    expect((await ask('What is the price of the Team plan?', pages)).text).toBe(
      'plan: Team; price: 30 euros; seats: 10',
    );
  });

  it('has no link target, image, tag or emphasis, but keeps code and lists', async () => {
    const text = '![logo](a.png) The **lid** of [the belt](/docs/belt) is <b>blue</b>, see `[lid](x)` and `a_b*c`.';
    expect((await ask('Which colour has the lid of the belt?', [page('Lid', text)])).text).toBe(
      'The lid of the belt is blue, see `[lid](x)` and `a_b*c`.',
    );
  });

  it('keeps the link to another site if the question asks for a place', async () => {
    const pages = [
      page('Lid', 'The drawing of the lid is in [the archive](https://archive.example/lid). The lid is blue.'),
    ];
    expect((await ask('Where is the drawing of the lid?', pages)).text).toContain(
      '[the archive](https://archive.example/lid)',
    );
  });

  it('is an entry alone if the question is its own', async () => {
    const entry: SourceFixture = {
      title: 'Do you sell lids?',
      type: 'QA',
      passages: [{ headingPath: ['Do you sell lids?'], text: 'Yes, in blue.' }],
    };
    const lids = page('Lids', 'We sell lids. Lids are sold with bottles. Do you sell lids? We sell lids.');
    expect((await ask('do you sell lids', [lids, entry])).text).toBe('Yes, in blue.');
  });

  it('is never an announcement, a reference to another page or a heading alone', async () => {
    const text =
      'For more about lids see the page about lids.\n\nPython:\n\n## Lids\n\nLids come in two sizes for bottles.';
    expect((await ask('Which lids are there?', [page('Shop', text)])).text).toBe('Lids come in two sizes for bottles.');
  });

  it('works in other languages by the words of headings and sentences', async () => {
    const pages = [
      page('Versand', 'Der Versand kostet drei Euro. Pakete kommen am Montag.'),
      page('Pfand', 'Pfand gibt es zurück.'),
    ];
    expect((await ask('Was kostet der Versand?', pages)).text).toContain('Der Versand kostet drei Euro.');
  });
});

describe('an answer that may be beside the point', () => {
  const lids: SourceFixture = {
    title: 'Lids',
    url: 'https://example.com/lids_(all)',
    passages: [{ text: 'Lids are blue.' }],
  };

  it('says so, and names the source of each quote with its link', async () => {
    const { text, citations } = await ask('What colour are the lids?', [lids], 0.25);
    expect(text).toBe('This may help:\n\nLids are blue.\n\n— [Lids](https://example.com/lids_%28all%29)');
    expect(citations.map(({ quote, start, end }) => [quote, text.slice(start, end)])).toEqual([
      ['Lids are blue.', 'Lids are blue.'],
    ]);
  });

  it('has only the quotes and their sources if the chatbot or the visitor does not write English', async () => {
    const { text } = await ask(
      'Farbe lids?',
      [{ ...lids, passages: [{ text: 'Lids sind blau.' }] }],
      0.25,
      'Das weiß ich nicht.',
    );
    expect(text).toBe('Lids sind blau.\n\n— [Lids](https://example.com/lids_%28all%29)');
  });
});

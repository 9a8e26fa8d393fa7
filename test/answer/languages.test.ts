import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createChatbot } from '../helpers/chatbots.ts';
import { startGateway, type TestGateway } from '../helpers/gateway.ts';

const HOUSE_RULES = `# Hausordnung

## Ruhezeiten

Die Nachtruhe gilt von 22 Uhr bis 6 Uhr.

## Abfall

Papier kommt in die blaue Tonne. Der Restmüll wird jeden Dienstag geleert.

## Kaution

Die Kaution beträgt drei Monatsmieten. Sie wird sechs Monate nach dem Auszug zurückgezahlt.
`;

const GARDEN = `# Le jardin partagé

Le jardin est ouvert tous les jours de 8 heures à 20 heures.

Les chiens sont interdits dans le jardin, sauf les chiens guides.
`;

const OVENS = `# Ovens

The display shows a code when something is wrong. E07 is a broken temperature sensor.

Heating up to 200 degrees takes about nine minutes.
`;

const SHOP = `Q: What are your opening hours?
A: We are open Monday to Friday from 9 to 18.

Q: Do you ship abroad?
A: We ship to all of Europe within five days.
`;

const FALLBACK = 'I could not find an answer to that in my sources.';

describe('a document of one page', () => {
  let gateway: TestGateway;
  const chatbots: Record<string, string> = {};

  beforeAll(async () => {
    gateway = await startGateway();
    for (const [name, text] of Object.entries({ HOUSE_RULES, GARDEN, OVENS, SHOP })) {
      chatbots[name] = await createChatbot(gateway, { name, sources: [text] });
    }
  });
  afterAll(() => gateway.close());

  async function ask(chatbot: string, message: string): Promise<string> {
    const response = await gateway.fetch(`/v1/chatbots/${chatbots[chatbot]}/chat`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ message }),
    });
    return ((await response.json()) as { response: string }).response;
  }

  it.each([
    ['HOUSE_RULES', 'Ab wann gilt die Nachtruhe?', 'von 22 Uhr'],
    ['HOUSE_RULES', 'Wie hoch ist die Kaution?', 'drei Monatsmieten'],
    ['HOUSE_RULES', 'Wann wird der Restmüll geleert?', 'jeden Dienstag'],
    ['HOUSE_RULES', 'Wo kommt das Papier hin?', 'blaue Tonne'],
    ['GARDEN', 'Quand est-ce que le jardin est ouvert ?', '8 heures'],
    ['GARDEN', 'Les chiens sont-ils interdits ?', 'sauf les chiens guides'],
    ['OVENS', 'What does E07 mean?', 'broken temperature sensor'],
    ['OVENS', 'How long does heating up take?', 'nine minutes'],
  ])('is quoted in answer to a question: %s, %s', async (chatbot, question, quote) => {
    expect(await ask(chatbot, question)).toContain(quote);
  });

  it('is quoted without the labels of questions and answers', async () => {
    expect(await ask('SHOP', 'What are the opening hours?')).toBe('We are open Monday to Friday from 9 to 18.');
    expect(await ask('SHOP', 'Do you ship abroad?')).toBe('We ship to all of Europe within five days.');
  });

  it.each([
    ['HOUSE_RULES', 'Wer hat die Weltmeisterschaft gewonnen?'],
    ['GARDEN', 'Quelle est la capitale du Pérou ?'],
    ['OVENS', 'Who was the first president of France?'],
  ])('is not quoted in answer to a question about something else: %s, %s', async (chatbot, question) => {
    expect(await ask(chatbot, question)).toBe(FALLBACK);
  });
});

import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { sendAndWait, startHostedGateway } from '../helpers/models/hosted-gateway.ts';
import { readMessage } from '../helpers/streams.ts';

/** The time limit for a health response. Even on a busy machine, a response takes less than a tenth of this limit. */
const MAX_HEALTH_MS = 10_000;
const POLL_MS = 20;

/** Answers of models that try to keep the gateway busy. */
const ANSWERS: Readonly<Record<string, readonly string[]>> = {
  'in 2,000 deltas of one character': Array.from({ length: 2_000 }, () => '-'),
  'in one delta, with 1,000 markers': ['Refunds are paid [1]. '.repeat(1_000)],
  'in one delta of brackets': ['[1,'.repeat(60_000)],
  'in one delta of hyphens': ['-'.repeat(190_000)],
  'in one delta of combining marks': [`a${'\u0301\u0323'.repeat(90_000)} [1].`],
  'in one delta of end-of-turn tokens': ['</s> '.repeat(30_000)],
};

it.each(Object.entries(ANSWERS))(
  'answers other requests while a model writes %s',
  { timeout: 60_000 },
  async (_how, text) => {
    const { gateway, fakeProviders, createChatbot } = await startHostedGateway(['openai']);
    const chatbotId = await createChatbot('openai');
    fakeProviders.openai?.respondWith({ text: [...text] });
    let isOver = false;
    const reply = sendAndWait(gateway, chatbotId).finally(() => {
      isOver = true;
    });
    reply.catch(() => {});
    while (!isOver) {
      const response = await gateway.fetch('/health', { signal: AbortSignal.timeout(MAX_HEALTH_MS) });
      expect(response.status).toBe(200);
      await setTimeout(POLL_MS);
    }
    expect(await readMessage(gateway, (await reply).replyId)).toMatchObject({ status: 'COMPLETED', error: null });
  },
);

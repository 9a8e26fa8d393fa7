import { onTestFinished } from 'vitest';
import type { AnswerEvent } from '../../../src/answer/engine.ts';
import { createChatbot, send } from '../chatbots.ts';
import { type GatewayOptions, startGateway } from '../gateway.ts';
import { webSocket } from '../streams.ts';
import { createScriptedEngine, delta, finish } from './engines.ts';

/** The usage of a reply; the model costs $2, $0.50 and $8 for a million tokens. */
export const USED = {
  inputTokens: 1_000,
  cachedTokens: 400,
  outputTokens: 10,
  reasoningTokens: 4,
  isEstimated: false,
};

/** The events of a reply by OpenAI's `model` with the usage `USED`. */
export const byModel = (model: string): AnswerEvent[] => [
  { type: 'author', author: { provider: 'openai', model }, inputTokens: 7 },
  delta('Well.'),
  { type: 'finish', reason: 'STOP', usage: USED },
];

/** Starts a gateway with a chatbot whose replies the test scripts; `ask` sends a message and waits for its reply. */
export async function startBilled({ replaced, ...options }: GatewayOptions = {}) {
  const engine = createScriptedEngine();
  const engines = new Map([['builtin', engine]]);
  const gateway = await startGateway({ ...options, replaced: { engines, ...replaced } });
  onTestFinished(() => gateway.close());
  // Otherwise closing the gateway would wait for an unfinished reply.
  onTestFinished(() => engine.push(finish));
  const chatbotId = await createChatbot(gateway);

  /** An error among the events fails the reply. */
  async function ask(
    steps: readonly (AnswerEvent | Error)[],
    to: { chatbotId?: string; sessionId?: string; key?: string } = {},
  ) {
    const { key, ...where } = to;
    const sent = await send(gateway, { chatbotId, content: 'Well?', ...where }, key);
    for (const step of steps) step instanceof Error ? engine.fail(step) : engine.push(step);
    await webSocket.subscribe(gateway, { messageId: sent.replyId }).ended;
    return sent;
  }
  return { gateway, engine, chatbotId, ask };
}

import { onTestFinished } from 'vitest';
import type { AnswerEvent } from '../../../src/answer/engine.ts';
import { createChatbot, send } from '../chatbots.ts';
import { type GatewayOptions, startGateway } from '../gateway.ts';
import { webSocket } from '../streams.ts';
import { createScriptedEngine, delta, finish } from './engines.ts';

/** The usage of a reply. A million tokens of the model cost $2 for input, $0.50 for cached input and $8 for output. */
export const REPLY_USAGE = {
  inputTokens: 1_000,
  cachedTokens: 400,
  outputTokens: 10,
  reasoningTokens: 4,
  isEstimated: false,
};

/** The events of a reply by OpenAI's `model` with the usage `REPLY_USAGE`. */
export const eventsOfModel = (model: string): AnswerEvent[] => [
  { type: 'author', author: { provider: 'openai', model }, inputTokens: 7 },
  delta('Well.'),
  { type: 'finish', reason: 'STOP', usage: REPLY_USAGE },
];

/** Starts a gateway with a chatbot; `sendAndComplete` sends a message and generates its reply from given events. */
export async function startBilledGateway({ overrides, ...options }: GatewayOptions = {}) {
  const engine = createScriptedEngine();
  const engines = new Map([['builtin', engine]]);
  const gateway = await startGateway({ ...options, overrides: { engines, ...overrides } });
  onTestFinished(() => gateway.close());
  // Otherwise closing the gateway would wait for an unfinished reply.
  onTestFinished(() => engine.push(finish));
  const chatbotId = await createChatbot(gateway);

  /** Sends a message, generates its reply from `steps`, and waits for the end. An error in `steps` fails the reply. */
  async function sendAndComplete(
    steps: readonly (AnswerEvent | Error)[],
    to: { chatbotId?: string; sessionId?: string; key?: string } = {},
  ) {
    const { key, ...where } = to;
    const sent = await send(gateway, { chatbotId, content: 'Well?', ...where }, key);
    for (const step of steps) step instanceof Error ? engine.fail(step) : engine.push(step);
    await webSocket.subscribe(gateway, { messageId: sent.replyId }).ended;
    return sent;
  }
  return { gateway, engine, chatbotId, sendAndComplete };
}

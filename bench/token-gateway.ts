/**
 * The gateway with a token generator instead of a model. Each reply waits until the token generator starts. A question
 * that is a `TokenRate` as JSON starts it.
 *
 * `node bench/token-gateway.ts`, with the gateway's settings as environment variables
 */
import type { AnswerEngine, AnswerEvent } from '../src/answer/engine.ts';
import { startGateway } from '../src/app.ts';
import { readConfig } from '../src/config.ts';
import { createTokenGenerator, iterateTokens, nextEventLoopTurn } from './token-generator.ts';

const FLUSH_TOPIC = 'flush';
let nextFlush = Promise.withResolvers<void>();

/** Resolves after the next flush of the bus, so that the generator sends tokens only as fast as the bus delivers. */
async function waitForDelivery(): Promise<void> {
  nextFlush = Promise.withResolvers();
  deps.bus.publish(FLUSH_TOPIC);
  await nextFlush.promise;
  await nextEventLoopTurn();
}

const generator = createTokenGenerator(waitForDelivery);
const FINISH: AnswerEvent = {
  type: 'finish',
  reason: 'STOP',
  usage: { inputTokens: 1, cachedTokens: 0, outputTokens: 1, reasoningTokens: 0, isEstimated: false },
};
async function* yieldOne(event: AnswerEvent) {
  yield event;
}

const engine: AnswerEngine = {
  answer({ content }) {
    if (!content.startsWith('{')) {
      return iterateTokens<AnswerEvent>(generator, (text) => ({ type: 'delta', text }), FINISH);
    }
    generator.start(JSON.parse(content));
    return yieldOne(FINISH);
  },
};

// No graceful shutdown: the benchmark deletes the database, and some replies may never end.
process.once('SIGTERM', () => process.exit(0));
const { url, deps } = await startGateway(readConfig(), { engines: new Map([['builtin', engine]]) });
deps.bus.subscribe(FLUSH_TOPIC, () => nextFlush.resolve());
console.log(url);

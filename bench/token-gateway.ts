/**
 * The gateway with a conductor instead of a model: `node bench/token-gateway.ts`, with the gateway's settings. Replies
 * to questions wait until the conductor starts, which a question that is a JSON `Score` causes.
 */
import type { AnswerEngine, AnswerEvent } from '../src/answer/engine.ts';
import { startGateway } from '../src/app.ts';
import { readConfig } from '../src/config.ts';
import { createConductor, listen, nextTurn } from './conductor.ts';

const FLUSH_TOPIC = 'beat';
let flushed = Promise.withResolvers<void>();

/** Resolves after the next flush of the bus, so that the conductor sends tokens only as fast as the bus delivers. */
async function delivered(): Promise<void> {
  flushed = Promise.withResolvers();
  deps.bus.publish(FLUSH_TOPIC);
  await flushed.promise;
  await nextTurn();
}

const conductor = createConductor(delivered);
const FINISH: AnswerEvent = {
  type: 'finish',
  reason: 'STOP',
  usage: { inputTokens: 1, cachedTokens: 0, outputTokens: 1, reasoningTokens: 0, isEstimated: false },
};
async function* only(event: AnswerEvent) {
  yield event;
}

const engine: AnswerEngine = {
  answer({ content }) {
    if (!content.startsWith('{')) return listen<AnswerEvent>(conductor, (text) => ({ type: 'delta', text }), FINISH);
    conductor.begin(JSON.parse(content));
    return only(FINISH);
  },
};

// No orderly shutdown: the database is deleted afterwards, and some replies may wait for ever.
process.once('SIGTERM', () => process.exit(0));
const { url, deps } = await startGateway(readConfig(), { engines: new Map([['builtin', engine]]) });
deps.bus.subscribe(FLUSH_TOPIC, () => flushed.resolve());
console.log(url);

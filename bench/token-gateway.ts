/**
 * The gateway with a conductor in the place of the model: `node bench/token-gateway.ts`, with the gateway's settings.
 * A question is answered when the conductor begins; one that is a score makes it begin.
 */
import type { AnswerEngine, AnswerEvent } from '../src/answer/engine.ts';
import { startGateway } from '../src/app.ts';
import { readConfig } from '../src/config.ts';
import { createConductor, listen, nextTurn } from './conductor.ts';

const BEAT = 'beat';
let beat = Promise.withResolvers<void>();

/** The bus paces itself; the conductor plays as fast as it flushes, and not faster. */
async function delivered(): Promise<void> {
  beat = Promise.withResolvers();
  deps.bus.publish(BEAT);
  await beat.promise;
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

// Nothing is finished in an orderly way: the database is thrown away, and answers may wait for ever.
process.once('SIGTERM', () => process.exit(0));
const { url, deps } = await startGateway(readConfig(), { engines: new Map([['builtin', engine]]) });
deps.bus.subscribe(BEAT, () => beat.resolve());
console.log(url);

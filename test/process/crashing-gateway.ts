import { subscribe } from 'node:diagnostics_channel';
import type { AnswerEngine } from '../../src/answer/engine.ts';
import { startGateway } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';

/** Ends its own process at some questions, before or after its first words, and answers all others slowly. */
const engine: AnswerEngine = {
  async *answer({ content }) {
    if (content.includes('crash at once')) process.kill(process.pid, 'SIGKILL');
    for (const text of ['One ', 'two ', 'three.']) {
      await new Promise((resolve) => setTimeout(resolve, Number(process.env.WORD_MS ?? 100)));
      yield { type: 'delta', text };
      if (content.includes('crash after a word')) process.kill(process.pid, 'SIGKILL');
    }
    const usage = { inputTokens: 1, cachedTokens: 0, outputTokens: 1, reasoningTokens: 0, isEstimated: false };
    yield { type: 'finish', reason: 'STOP', usage };
  },
};

// Ends it as well at deliveries to some endpoints, before they are sent.
subscribe('undici:request:create', (message) => {
  if ((message as { request: { path: string } }).request.path === '/crash') process.kill(process.pid, 'SIGKILL');
});

const gateway = await startGateway(readConfig(), { engines: new Map([['builtin', engine]]) });
// As the program says it.
process.stdout.write(`GraphiQL ${gateway.url}/graphql API key ${gateway.firstKey ?? ''}\n\n`);
process.on('SIGTERM', () => void gateway.close().then(() => process.exit(0)));

import { subscribe } from 'node:diagnostics_channel';
import type { AnswerEngine } from '../../src/answer/engine.ts';
import { startGateway } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';

/** Kills the process on certain questions, before or after the first word; answers all other questions slowly. */
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

// The process also kills itself before it sends a delivery to an endpoint with the path /crash.
subscribe('undici:request:create', (message) => {
  if ((message as { request: { path: string } }).request.path === '/crash') process.kill(process.pid, 'SIGKILL');
});

const gateway = await startGateway(readConfig(), { engines: new Map([['builtin', engine]]) });
// The same format as the program's start message.
process.stdout.write(`GraphiQL ${gateway.url}/graphql API key ${gateway.firstKey ?? ''}\n\n`);
process.on('SIGTERM', () => void gateway.close().then(() => process.exit(0)));

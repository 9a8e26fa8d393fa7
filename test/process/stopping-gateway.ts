import type { AnswerEngine } from '../../src/answer/engine.ts';
import { startGateway } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';

/** Never finishes an answer, so that a test can stop its reply. */
const engine: AnswerEngine = {
  async *answer({ content }) {
    if (content.includes('a word')) yield { type: 'delta', text: 'One ' };
    await new Promise(() => {});
  },
};

const gateway = await startGateway(readConfig(), { engines: new Map([['builtin', engine]]) });
const { db } = gateway.deps;
const { transaction } = db;
/** Kills the process right after the commit of a stop request. */
Object.assign(db, {
  async transaction(...args: Parameters<typeof transaction>) {
    const result = await transaction(...args);
    const stopped = await db.read.selectFrom('messages').select('id').where('stop_asked', '=', 1).executeTakeFirst();
    if (stopped !== undefined) process.kill(process.pid, 'SIGKILL');
    return result;
  },
});
// The same format as the program's start message.
process.stdout.write(`GraphiQL ${gateway.url}/graphql API key ${gateway.firstKey ?? ''}\n\n`);

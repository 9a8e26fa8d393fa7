import type { AnswerEngine } from '../../src/answer/engine.ts';
import { startGateway } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';

/** Answers nothing, so that a reply can be asked to stop. */
const engine: AnswerEngine = {
  async *answer({ content }) {
    if (content.includes('a word')) yield { type: 'delta', text: 'One ' };
    await new Promise(() => {});
  },
};

const gateway = await startGateway(readConfig(), { engines: new Map([['builtin', engine]]) });
const { db } = gateway.deps;
const { transaction } = db;
/** Ends the process after the commit that asks a reply to stop, and before anything that follows it. */
Object.assign(db, {
  async transaction(...args: Parameters<typeof transaction>) {
    const result = await transaction(...args);
    const asked = await db.read.selectFrom('messages').select('id').where('stop_asked', '=', 1).executeTakeFirst();
    if (asked !== undefined) process.kill(process.pid, 'SIGKILL');
    return result;
  },
});
// As the program says it.
process.stdout.write(`GraphiQL ${gateway.url}/graphql API key ${gateway.firstKey ?? ''}\n\n`);

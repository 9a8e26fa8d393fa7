// Imported before the program: loads the gateway, and says `held`, and holds it until a word comes by the standard input.
import { once } from 'node:events';
import { flushCompileCache } from 'node:module';

await import('../../src/app.ts');
// One that is killed would keep nothing for the next.
flushCompileCache();
process.stderr.write('held\n');
await once(process.stdin, 'data');
process.stdin.destroy();

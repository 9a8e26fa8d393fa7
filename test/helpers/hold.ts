// Imported before the program: loads the gateway, prints `held`, and waits for input on stdin before the program runs.
import { once } from 'node:events';
import { flushCompileCache } from 'node:module';

await import('../../src/app.ts');
// A killed process would not write its compile cache.
flushCompileCache();
process.stderr.write('held\n');
await once(process.stdin, 'data');
process.stdin.destroy();

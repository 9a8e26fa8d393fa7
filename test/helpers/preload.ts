// This module is imported before the program. It loads the gateway's modules, prints `preloaded`, and waits for input
// on stdin.
import { once } from 'node:events';
import { flushCompileCache } from 'node:module';

await import('../../src/app.ts');
// A killed process would not write its compile cache.
flushCompileCache();
process.stderr.write('preloaded\n');
await once(process.stdin, 'data');
process.stdin.destroy();

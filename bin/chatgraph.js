#!/usr/bin/env node
// Plain JavaScript, so that a Node too old for the rest can still say so.
const [major] = process.versions.node.split('.');
if (Number(major) < 24) {
  process.stderr.write(
    `ChatGraph needs Node 24 or newer; this is ${process.versions.node}. \`npm ci\` brings one along: use \`npm start\`.\n`,
  );
  process.exit(1);
}
// What was compiled at the last start need not be again: a quarter of the time.
(await import('node:module')).enableCompileCache();
const { main } = await import('../src/main.ts');
await main(process.argv.slice(2));

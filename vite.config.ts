import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const resolvePath = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Builds the browser scripts into src/web/dist, which is committed, so that a gateway starts without a build. */
export default defineConfig({
  root: resolvePath('./src/web/chat'),
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: resolvePath('./src/web/dist'),
    emptyOutDir: true,
    target: 'es2023',
    modulePreload: false,
    reportCompressedSize: true,
    // The licences of the bundled packages require their texts to be distributed with the bundle.
    license: { fileName: 'licenses.md' },
    rolldownOptions: {
      input: { chat: resolvePath('./src/web/chat/main.tsx'), explorer: resolvePath('./src/web/explorer/main.ts') },
      // No hash in the file names: the server adds it to the path, and constant names make changes easy to review.
      output: { entryFileNames: '[name].js', assetFileNames: '[name].[ext]' },
    },
  },
});

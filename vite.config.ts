import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const from = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Builds what runs in browsers into src/web/dist, which is committed: a gateway is started without building anything. */
export default defineConfig({
  root: from('./src/web/chat'),
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: from('./src/web/dist'),
    emptyOutDir: true,
    target: 'es2023',
    modulePreload: false,
    reportCompressedSize: true,
    // The licences of what is inside ask to be passed on with it.
    license: { fileName: 'licenses.md' },
    rolldownOptions: {
      input: { chat: from('./src/web/chat/main.tsx'), explorer: from('./src/web/explorer/main.ts') },
      // The server puts a hash of the content into the address; names that stay make changes easy to review.
      output: { entryFileNames: '[name].js', assetFileNames: '[name].[ext]' },
    },
  },
});

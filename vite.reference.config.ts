import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const resolvePath = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/**
 * Builds the page of the REST reference into src/web/dist/reference. A build of its own, because it is one script: the
 * parts that it would load later are small.
 */
export default defineConfig({
  root: resolvePath('./src/web/reference'),
  define: {
    __VUE_OPTIONS_API__: 'true',
    __VUE_PROD_DEVTOOLS__: 'false',
    __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false',
  },
  build: {
    outDir: resolvePath('./src/web/dist/reference'),
    emptyOutDir: true,
    target: 'es2023',
    modulePreload: false,
    reportCompressedSize: true,
    chunkSizeWarningLimit: 6_000,
    license: { fileName: 'licenses.md' },
    rolldownOptions: {
      input: { reference: resolvePath('./src/web/reference/main.ts') },
      output: { entryFileNames: '[name].js', assetFileNames: '[name].[ext]', codeSplitting: false },
    },
  },
});

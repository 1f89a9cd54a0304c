import { fileURLToPath } from 'node:url';
import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vite';

/** Where `npm run dev -w web` passes calls of the API on to. */
const GATEWAY = 'http://127.0.0.1:8000';
const GATEWAY_PATHS = ['/api', '/v1', '/docs', '/openapi.json', '/healthz', '/readyz', '/metrics', '/ops/'];

export default defineConfig({
  root: import.meta.dirname,
  plugins: [vue()],
  resolve: {
    // The client's own TypeScript: nothing has to be built first.
    alias: { '@sluice/client': fileURLToPath(new URL('../client/src/index.ts', import.meta.url)) },
  },
  define: {
    __VUE_OPTIONS_API__: 'false',
    __VUE_PROD_DEVTOOLS__: 'false',
    __VUE_I18N_FULL_INSTALL__: 'false',
    __VUE_I18N_LEGACY_API__: 'false',
    __INTLIFY_PROD_DEVTOOLS__: 'false',
  },
  server: {
    host: '127.0.0.1',
    proxy: Object.fromEntries(GATEWAY_PATHS.map((path) => [path, GATEWAY])),
  },
  build: {
    // A data: URL would need an exception in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});

import { defineConfig } from 'vite';

// The gateway's policy allows no inline code and no data: URLs, so that everything is a file of its own.
export default defineConfig({
  build: { target: 'es2024', assetsInlineLimit: 0, modulePreload: { polyfill: false } },
});

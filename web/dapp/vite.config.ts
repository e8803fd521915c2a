import { defineConfig } from 'vite';

// Everything is a file of its own, so that a policy may forbid inline code, and the built folder works from wherever a web server puts it.
export default defineConfig({
  base: './',
  build: { target: 'es2024', assetsInlineLimit: 0, modulePreload: { polyfill: false } },
});

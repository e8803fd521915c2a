import { defineConfig } from 'vite';

// The gateway's policy allows no inline code and no data: URLs, so that everything is a file of its own.
export default defineConfig({
  // So that the built folder works from wherever any web server puts it.
  base: './',
  build: { target: 'es2024', assetsInlineLimit: 0, modulePreload: { polyfill: false } },
});

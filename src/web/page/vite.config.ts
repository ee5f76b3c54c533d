// Builds the page into dist/page: one script, one stylesheet, nothing inline (the server's CSP allows nothing inline).
import { join } from "node:path";
import preact from "@preact/preset-vite";
import { defineConfig } from "vite";

const root = import.meta.dirname;

export default defineConfig({
  root,
  base: "/",
  plugins: [preact({ reactAliasesEnabled: false })],
  build: {
    outDir: join(root, "../../../dist/page"),
    emptyOutDir: true,
    // A data: URL would need a wider CSP.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2023",
    sourcemap: false,
  },
});

// Loads every module of the program and ends (run by ./setup.mjs with ./compile-cache.mjs): a life that finds its TypeScript in the
// cache never loads the part of Node that strips types. That is 28 MB for as long as it lives, and half a second of its start.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const src = join(import.meta.dirname, "../src");
const isOfTests = /\.test\.tsx?$|\.test-kit\.ts$|(^|[/\\])test-[^/\\]*$/;
const isOfThePage = /^web[/\\]page[/\\]/;

const files = readdirSync(src, { recursive: true }).filter(
  (file) => file.endsWith(".ts") && !isOfTests.test(file) && !isOfThePage.test(file) && file !== "cli.ts",
);
for (const file of files) await import(pathToFileURL(join(src, file)).href);

// It does what it is told, and exits.
process.argv[2] = "--version";
await import(pathToFileURL(join(src, "cli.ts")).href);

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { completeLock } from "./lock.ts";

test.each(["package-lock.json", "test/agents/package-lock.json"])(
  "npm ci accepts %s on every platform: no pinned platform package is missing (else run `npm run lock`)",
  (name) => {
    const lock = JSON.parse(readFileSync(join(import.meta.dirname, "..", name), "utf8"));
    const missing = Object.keys(completeLock(lock).packages).filter((path) => lock.packages[path] === undefined);
    expect(missing).toEqual([]);
  },
);

test("a missing platform package gets the machines its name says, beside a parent that needs another version", () => {
  const tool = (version: string) => ({ version, optionalDependencies: { "@x/tool-linux-x64-musl": version } });
  const other = { version: "1.0.0", optional: true };
  const completed = completeLock({
    packages: {
      "node_modules/tool": tool("1.0.0"),
      "node_modules/a/node_modules/tool": tool("2.0.0"),
      "node_modules/@x/tool-linux-x64-musl": other,
    },
  });
  expect(completed.packages["node_modules/@x/tool-linux-x64-musl"]).toEqual(other);
  expect(completed.packages["node_modules/a/node_modules/tool/node_modules/@x/tool-linux-x64-musl"]).toEqual({
    version: "2.0.0",
    os: ["linux"],
    cpu: ["x64"],
    libc: ["musl"],
    optional: true,
  });
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { Ajv } from "ajv";
import { expect, onTestFinished, test } from "vitest";

import { readConfig } from "../src/config.ts";
import { configSchema } from "./write-config-schema.ts";

const root = dirname(import.meta.dirname);

function valid(value: unknown): boolean {
  return new Ajv({ strict: false }).compile(configSchema())(value);
}

test("the committed JSON Schema is the one that the program checks with (node scripts/write-config-schema.ts writes it)", () => {
  const committed: unknown = JSON.parse(readFileSync(join(root, "config.schema.json"), "utf8"));
  expect(committed).toEqual(JSON.parse(JSON.stringify(configSchema())));
});

test("the example configuration is valid, by the schema and by the program", () => {
  const text = readFileSync(join(root, "examples/config.json"), "utf8");
  expect(valid(JSON.parse(text))).toBe(true);
  const home = mkdtempSync(join(tmpdir(), "signalbox-config-"));
  onTestFinished(() => rmSync(home, { recursive: true }));
  writeFileSync(join(home, "config.json"), text);
  expect(readConfig({ SIGNALBOX_HOME: home }).telegram?.users.length).toBeGreaterThan(0);
});

test.each<[string, unknown]>([
  ["an unknown key", { unknown: 1 }],
  ["an unknown key of a section", { telegram: { unknown: 1 } }],
  ["a section that is no object", { claude: [] }],
  ["a value of another type", { workspace: 1 }],
  ["a number out of its bounds", { maxRuns: 0 }],
  ["a number that is not whole", { maxRuns: 1.5 }],
  ["a word that is not among the allowed", { permissions: "all" }],
  ["an empty list", { telegram: { allowedUsers: [] } }],
  ["a token of another form", { telegram: { token: "x" } }],
])("an editor refuses %s as the program does", (_name, value) => {
  expect(valid({})).toBe(true);
  expect(valid(value)).toBe(false);
});

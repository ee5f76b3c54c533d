// Writes schemas.ndjson: the request schema of every Bot API method, from the *Params interfaces of @gramio/types.
//
// Run it after @gramio/types changes: `node test/emulator/generate-schemas.ts`. It takes about six seconds, which is why
// the result is committed. The types are generated from Telegram's own documents, so what we accept is not our opinion.

import { readFileSync, writeFileSync } from "node:fs";
import { findPackageJSON } from "node:module";
import { dirname, join } from "node:path";
import { createGenerator } from "ts-json-schema-generator";

type Json = { [key: string]: unknown };

const manifest = findPackageJSON("@gramio/types", import.meta.url);
if (manifest === undefined) throw new Error("@gramio/types is not installed: npm ci");
const typesFolder = join(dirname(manifest), "out");

const generator = createGenerator({
  path: join(typesFolder, "params.d.ts"),
  type: "*",
  skipTypeCheck: true,
  expose: "all",
  additionalProperties: true,
});
const { definitions } = generator.createSchema("*");

const upload = { type: "object", properties: { upload: { type: "string" } }, required: ["upload"] };
const leanDefinitions: Json = {};
for (const [name, schema] of Object.entries(definitions ?? {})) {
  if (!/^(Blob|Promise|global|Uint8Array|ArrayBuffer|ReadableStream)/.test(name)) leanDefinitions[name] = lean(schema);
}
leanDefinitions["TelegramInputFile"] = upload;

// One definition a line: a change of Telegram's shows as the lines it touches.
const lines = [
  { methods: methodNames() },
  ...Object.entries(leanDefinitions).map(([name, schema]) => ({ name, schema })),
];
writeFileSync(join(import.meta.dirname, "schemas.ndjson"), `${lines.map((line) => JSON.stringify(line)).join("\n")}\n`);

/** Drops prose and JavaScript conveniences (`{ toString() }`, `{ toJSON() }`); a file on the wire is `{ upload: ... }` here. */
function lean(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lean);
  if (!isObject(value)) return value;
  const kept: Json = {};
  for (const [key, inner] of Object.entries(value)) {
    if (key === "description" && typeof inner === "string") continue;
    if (key === "anyOf" && Array.isArray(inner))
      kept["anyOf"] = inner.filter((option) => !isConvenience(option)).map(lean);
    else kept[key] = lean(inner);
  }
  const options = kept["anyOf"];
  return Array.isArray(options) && options.length === 1 && Object.keys(kept).length === 1 ? options[0] : kept;
}

function isConvenience(option: unknown): boolean {
  if (!isObject(option)) return false;
  const required = option["required"];
  return Array.isArray(required) && (required.includes("toString") || required.includes("toJSON"));
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Every method, also the eight that take no parameters and so have no Params interface. */
function methodNames(): string[] {
  const text = readFileSync(join(typesFolder, "methods.d.ts"), "utf8");
  return [...text.matchAll(/^ {4}(\w+): CallAPI/gm)].map((match) => match[1] ?? "").toSorted();
}

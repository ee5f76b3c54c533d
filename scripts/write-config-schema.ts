// Writes config.schema.json, the JSON Schema of config.json, from the schema that the program itself checks with.
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { toJsonSchema } from "@valibot/to-json-schema";

import { fileSchema } from "../src/config/settings.ts";

/** The JSON Schema of config.json. `config.schema.json` in the repository holds its result. */
export function configSchema(): object {
  // A section's pipe looks at the value first and says its shape last ("output"); a check in code has no form in JSON Schema.
  const schema = toJsonSchema(fileSchema, { target: "draft-07", typeMode: "output", ignoreActions: ["check"] });
  return {
    ...schema,
    title: "Signalbox configuration",
    description: "config.json in SIGNALBOX_HOME (default ~/.signalbox).",
  };
}

if (import.meta.main) {
  const file = join(dirname(import.meta.dirname), "config.schema.json");
  writeFileSync(file, `${JSON.stringify(configSchema(), null, 2)}\n`);
}

// Writes config.schema.json, the JSON Schema of config.json, from the schema that the program itself checks with.
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { configSchema } from "../src/config.ts";

const file = join(dirname(import.meta.dirname), "config.schema.json");
writeFileSync(file, `${JSON.stringify(configSchema(), null, 2)}\n`);

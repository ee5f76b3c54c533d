// Holds every request against the schema of its method, generated from Telegram's documents (schemas.ndjson), after turning
// form fields into the types the schema names. Independent of the product and of what we believe about the Bot API.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { badRequest, type BotApiError } from "./bot-api-error.ts";
import type { Params } from "./journal.ts";
import type { RawRequest } from "./request-body.ts";

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly properties?: { readonly [name: string]: Schema };
  readonly required?: readonly string[];
}

interface SchemaFile {
  readonly methods: readonly string[];
  readonly definitions: { readonly [name: string]: Schema };
}

export interface Decoded {
  readonly params: Params;
  /** Names that the method does not have. Telegram ignores them; in our bot they are typing errors. */
  readonly strayParams: readonly string[];
}

export interface Validation {
  /** The method as Telegram spells it, whatever the capitals; undefined when there is none of that name. */
  methodNamed(name: string): string | undefined;
  decode(method: string, raw: RawRequest): Decoded;
  /** The first thing wrong with the parameters, in the server's words; undefined when they fit. */
  problem(method: string, params: Params): BotApiError | undefined;
}

export function createValidation(): Validation {
  const file = readSchemas();
  const names = new Map(file.methods.map((name) => [name.toLowerCase(), name]));
  const ajv = new Ajv({ strict: false, allowUnionTypes: true, validateSchema: false, code: { optimize: false } });
  ajv.addSchema({ $id: "telegram", definitions: file.definitions });
  const compiled = new Map<string, ValidateFunction>();

  const paramsName = (method: string) => `${method.charAt(0).toUpperCase()}${method.slice(1)}Params`;
  const propertiesOf = (method: string) => file.definitions[paramsName(method)]?.properties ?? {};

  /** Compiled at first use, parameter by parameter: a whole method would compile rich messages nobody sends, for 100 ms. */
  function validator(schema: Schema): ValidateFunction {
    const key = JSON.stringify(schema);
    const known = compiled.get(key);
    if (known !== undefined) return known;
    const absolute = key.replaceAll('"#/definitions/', '"telegram#/definitions/');
    const fresh = ajv.compile(JSON.parse(absolute) as Schema);
    compiled.set(key, fresh);
    return fresh;
  }

  function takesText(schema: Schema): boolean {
    if (schema.$ref !== undefined) {
      const target = file.definitions[decodeURIComponent(schema.$ref.slice("#/definitions/".length))];
      return target !== undefined && takesText(target);
    }
    if (schema.anyOf !== undefined) return schema.anyOf.some(takesText);
    return schema.type === "string" || (Array.isArray(schema.type) && schema.type.includes("string"));
  }

  function decodeField(schema: Schema, value: unknown, raw: RawRequest): unknown {
    if (typeof value !== "string") return value;
    if (value.startsWith("attach://") && raw.uploads.has(value.slice("attach://".length))) {
      return { upload: value.slice("attach://".length) };
    }
    const takesNumber = Array.isArray(schema.type) && schema.type.includes("number");
    if (takesNumber && /^-?\d+$/.test(value)) return Number(value);
    if (takesText(schema)) return value;
    if (schema.type === "boolean") return /^(true|yes|1)$/i.test(value);
    try {
      return JSON.parse(value) as unknown;
    } catch {
      // Not JSON: left as text, which the schema will refuse by name.
      return value;
    }
  }

  return {
    methodNamed: (name) => names.get(name.toLowerCase()),
    decode(method, raw) {
      const properties = propertiesOf(method);
      const params: { [name: string]: unknown } = {};
      const strayParams: string[] = [];
      const uploads = [...raw.uploads.keys()].map((field) => [field, { upload: field }] as const);
      // grammY's attachments travel under names of their own and are referred to by attach://.
      for (const [field, value] of [...uploads.filter(([name]) => name in properties), ...Object.entries(raw.fields)]) {
        if (value === null || value === undefined) continue;
        const schema = properties[field];
        if (schema === undefined) strayParams.push(field);
        params[field] = schema === undefined ? value : decodeField(schema, value, raw);
      }
      return { params, strayParams };
    },
    problem(method, params) {
      const { properties = {}, required = [] } = file.definitions[paramsName(method)] ?? {};
      const missing = required.find((name) => params[name] === undefined);
      if (missing !== undefined) {
        return badRequest(missingInWords[missing] ?? `parameter "${missing}" is required`, "schema");
      }
      for (const [name, value] of Object.entries(params)) {
        const schema = properties[name];
        if (schema === undefined) continue;
        const validate = validator(schema);
        if (!validate(value)) return inServerWords(name, validate.errors?.[0]);
      }
      return undefined;
    },
  };
}

function readSchemas(): SchemaFile {
  const [head = "", ...lines] = readFileSync(join(import.meta.dirname, "schemas.ndjson"), "utf8")
    .trimEnd()
    .split("\n");
  const named = lines.map((line) => JSON.parse(line) as { readonly name: string; readonly schema: Schema });
  const { methods } = JSON.parse(head) as Pick<SchemaFile, "methods">;
  return { methods, definitions: Object.fromEntries(named.map(({ name, schema }) => [name, schema])) };
}

const missingInWords: { readonly [name: string]: string } = {
  chat_id: "chat_id is empty",
  text: "message text is empty",
  message_id: "message identifier is not specified",
  callback_query_id: "query is too old and response timeout expired or query ID is invalid",
  file_id: "file_id not specified",
};

function inServerWords(name: string, error: ErrorObject | undefined): BotApiError {
  const detail = `${error?.instancePath.slice(1) ?? ""} ${error?.message ?? "wrong value"}`.trim();
  if (name === "entities" || name === "caption_entities") {
    return badRequest(`can't parse MessageEntity: ${detail}`, "schema");
  }
  if (name === "reaction") return badRequest("REACTION_INVALID", "schema");
  return badRequest(`can't parse ${name}: ${detail}`, "schema");
}

import { expect, test } from "vitest";
import { asked, ownRules } from "./opencode-rules.ts";

const parsed = (text: string | undefined): unknown => JSON.parse(text ?? "null");

test("everything that does something is asked for, and with the user's own rules the same in the place before them", () => {
  const names = ["bash", "edit", "webfetch", "external_directory"];
  expect(parsed(asked["OPENCODE_PERMISSION"])).toEqual(Object.fromEntries(names.map((name) => [name, "ask"])));
  const own = ownRules(asked);
  expect(parsed(own["OPENCODE_PERMISSION"])).toEqual(Object.fromEntries(names.map((name) => [`${name}*`, "ask"])));
  const places = Object.fromEntries(names.map((name) => [`${name}*`, false]));
  expect(parsed(own["OPENCODE_CONFIG_CONTENT"])).toEqual({ tools: places });
});

test("a configuration that comes by its variable is kept, and its own switches come after the places", () => {
  const OPENCODE_CONFIG_CONTENT = JSON.stringify({ model: "m", tools: { webfetch: false } });
  const own = ownRules({ ...asked, OPENCODE_CONFIG_CONTENT });
  const config = parsed(own["OPENCODE_CONFIG_CONTENT"]) as { model: string; tools: object };
  expect(config.model).toBe("m");
  expect(Object.keys(config.tools).at(-1)).toBe("webfetch");
});

test("what cannot be understood, and permissions that the user has set by the variable, are left alone", () => {
  expect(ownRules({ ...asked, OPENCODE_CONFIG_CONTENT: "{ // mine\n}" })).toEqual({});
  expect(ownRules({ ...asked, OPENCODE_CONFIG_CONTENT: "[]" })).toEqual({});
  expect(ownRules({ OPENCODE_PERMISSION: '{"bash":"allow"}' })).toEqual({});
});

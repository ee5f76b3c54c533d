import { expect, test } from "vitest";
import { configuredAgent } from "./driver.ts";

test("a known agent is what is known of it, with what the configuration says in its place", () => {
  expect(configuredAgent("gemini", null)).toMatchObject({ title: "Gemini CLI", command: "gemini", name: "gemini" });
  const configured = configuredAgent("gemini", {
    command: "/opt/gemini",
    args: ["--acp"],
    env: { GEMINI_API_KEY: "k" },
  });
  expect(configured).toMatchObject({ command: "/opt/gemini", args: ["--acp"], env: { GEMINI_API_KEY: "k" } });
  expect(configured.env["GEMINI_TELEMETRY_ENABLED"]).toBe("false");
});

test("an unknown agent is its name, until the configuration says more", () => {
  expect(configuredAgent("goose", { command: null, args: ["acp"], env: {} })).toMatchObject({
    title: "goose",
    command: "goose",
    args: ["acp"],
    terminal: null,
  });
});

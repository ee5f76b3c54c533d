import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HttpError } from "grammy";
import { expect, onTestFinished, test } from "vitest";
import { createLog, createScrub, type LogLevel } from "./log.ts";

const token = "123456789:AAEcanarycanarycanarycanarycanary12";

function open(options: { level?: LogLevel; secrets?: readonly string[]; directory?: string } = {}) {
  const directory = options.directory ?? join(newDirectory(), "logs");
  const out: string[] = [];
  const errors: string[] = [];
  const log = createLog({
    directory,
    level: options.level ?? "debug",
    terminal: { out: (line) => void out.push(line), error: (line) => void errors.push(line) },
    scrub: createScrub(options.secrets ?? []),
  });
  onTestFinished(() => log[Symbol.dispose]());
  const text = () => readFileSync(join(directory, "signalbox.log"), "utf8");
  const lines = () =>
    text()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { log, directory, out, errors, text, lines };
}

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "signalbox-log-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test.each<[string, () => object]>([
  ["in a message", () => ({ error: new Error(`GET https://api.telegram.org/bot${token}/getMe failed`) })],
  ["in a cause", () => ({ error: new Error("outer", { cause: new Error("inner", { cause: new Error(token) }) }) })],
  [
    "in grammY's own error, which carries the request's error",
    () => ({ error: new HttpError("no network", new Error(`https://x/bot${token}/y`)) }),
  ],
  ["in an AggregateError", () => ({ error: new AggregateError([new Error(token)], "all failed") })],
  ["in a nested field", () => ({ request: { url: { href: `https://x/bot${token}/sendMessage` } } })],
  ["in an error inside a field", () => ({ context: { failure: new Error(token) } })],
  ["in a URL with its colon encoded", () => ({ url: encodeURIComponent(`https://x/bot${token}/y`) })],
  ["in a key", () => ({ [token]: 1 })],
  ["as the error itself", () => new Error(token)],
])("a token %s reaches neither the file nor the terminal", (_where, fields) => {
  const { log, text, out, errors } = open();
  log.error(fields(), `failed with ${token}`);
  log.say(`hello ${token}`);
  expect(text() + out.join() + errors.join()).not.toContain("canary");
  expect(text()).toContain("<secret>");
});

test("a known secret of any form is masked, also where JSON or a URL escapes it", () => {
  const secret = 'pass"word\\with/slashes';
  const { log, text } = open({ secrets: [secret] });
  log.info({ secret, url: `https://x/?p=${encodeURIComponent(secret)}` }, `it is ${secret}`);
  expect(text()).not.toContain("slashes");
});

test("an error is written with its name, message, code, stack and causes, and nothing else that hangs on it", () => {
  const { log, lines } = open();
  const error = Object.assign(new TypeError("outer", { cause: new RangeError("inner") }), {
    code: "E_X",
    payload: { big: 1 },
  });
  log.warn({ error, run: "r1" }, "it failed");
  expect(lines()[0]).toMatchObject({ level: 40, msg: "it failed", run: "r1" });
  expect(lines()[0]?.["error"]).toEqual({
    name: "TypeError",
    message: "outer",
    code: "E_X",
    stack: expect.stringContaining("outer"),
    cause: { name: "RangeError", message: "inner", stack: expect.stringContaining("inner") },
  });
});

test("an error that is its own cause ends (no endless line)", () => {
  const { log, lines } = open();
  const error = new Error("round");
  error.cause = error;
  log.error({ error }, "circular");
  expect(JSON.stringify(lines()[0])).toContain("(deeper)");
});

test("the terminal gets warnings and errors as short lines, and the same one only once in a row", () => {
  const { log, errors, lines } = open({ level: "info" });
  log.debug({}, "detail");
  log.info({ a: 1 }, "progress");
  for (let i = 0; i < 3; i += 1) log.warn({ error: new Error("refused\nat length") }, "Telegram cannot be reached");
  log.error({}, "something else");
  expect(errors).toEqual(["Telegram cannot be reached: refused", "something else"]);
  expect(lines().map((line) => line["msg"])).toEqual([
    "progress",
    "Telegram cannot be reached",
    "Telegram cannot be reached",
    "Telegram cannot be reached",
    "something else",
  ]);
});

test("what is said to the person is on the terminal and in the file", () => {
  const { log, out, lines } = open();
  log.say("Signalbox is ready.");
  expect(out).toEqual(["Signalbox is ready."]);
  expect(lines()[0]).toMatchObject({ level: 30, msg: "Signalbox is ready." });
});

test("a line of any length is bounded and stays JSON", () => {
  const { log, lines } = open();
  log.info({ dump: "x".repeat(1_000_000) }, "large");
  expect(JSON.stringify(lines()).length).toBeLessThan(25_000);
  expect(lines()[0]?.["cut"]).toBeGreaterThan(1_000_000);
});

test("a full file makes room by moving on, and only so many old ones are kept", () => {
  const directory = newDirectory();
  for (const name of ["signalbox.log", "signalbox.1.log", "signalbox.2.log", "signalbox.3.log"]) {
    writeFileSync(join(directory, name), name === "signalbox.log" ? "x".repeat(10_000_000) : name);
  }
  const { log, lines } = open({ directory });
  log.info({}, "first of the new file");
  expect(lines()).toHaveLength(1);
  expect(readdirSync(directory).toSorted()).toEqual([
    "signalbox.1.log",
    "signalbox.2.log",
    "signalbox.3.log",
    "signalbox.log",
  ]);
  expect(statSync(join(directory, "signalbox.1.log")).size).toBe(10_000_000);
  expect(readFileSync(join(directory, "signalbox.3.log"), "utf8")).toBe("signalbox.2.log");
});

test("a disk that refuses lines does not stop the program, and the loss is told when it works again", () => {
  const directory = newDirectory();
  const blocked = join(directory, "logs");
  writeFileSync(blocked, "a file where the directory should be");
  const { log, errors } = open({ directory: blocked });
  log.error({}, "one");
  log.info({}, "two");
  expect(errors).toEqual(["one"]);
  rmSync(blocked);
  log.info({}, "three");
  const written = readFileSync(join(blocked, "signalbox.log"), "utf8");
  expect(written).toContain('"lost":2');
  expect(written).toContain("three");
});

test("only the owner can read the log", () => {
  const { log, directory } = open();
  log.info({}, "private");
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  expect(statSync(join(directory, "signalbox.log")).mode & 0o777).toBe(0o600);
});

import { expect, test } from "vitest";
import { askProgram } from "./ask-program.ts";

const env = { PATH: process.env["PATH"] ?? "" };
const never = new AbortController().signal;
const options = { env, timeout: 10_000 };

test("a program that fails still brings what it printed", async () => {
  const { error, output } = await askProgram("sh", ["-c", "echo no; exit 1"], options, never);
  expect(output).toBe("no\n");
  expect(error?.code).toBe(1);
});

test("a program that is not there is told, not thrown", async () => {
  const { error, output } = await askProgram("/no/such", [], options, never);
  expect([error?.code, output]).toEqual(["ENOENT", ""]);
});

test("a program that nobody waits for any more is gone when the answer comes, whatever it does with SIGTERM", async () => {
  const over = new AbortController();
  const asked = askProgram("sh", ["-c", "trap '' TERM; echo up; exec sleep 1000"], options, over.signal);
  over.abort();
  expect((await asked).error?.signal).toBe("SIGKILL");
  expect((await askProgram("sleep", ["1000"], options, AbortSignal.abort())).error?.signal).toBe("SIGKILL");
});

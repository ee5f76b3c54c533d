import { expect, test } from "vitest";
import { createCommandAdapter } from "./command.ts";
import { directory, known, never, programDeps } from "./test-sound.ts";
import type { KnownSound, Transcript } from "./transcriber.ts";

const canary = { OPENAI_API_KEY: "canary", MY_SERVICE_TOKEN: "canary" };

async function hear(
  script: string,
  args: readonly string[] = ["{file}"],
  sound: Partial<KnownSound> = {},
): Promise<Transcript> {
  const adapter = createCommandAdapter(
    { kind: "command", command: [process.execPath, "-e", script, "--", ...args] },
    programDeps(canary),
  );
  return adapter.hear(`${directory()}/it's $(touch x) "a voice".ogg`, known(sound), never);
}

const prints = "process.stdout.write(process.argv.slice(1).join('|'))";

test("what the program prints is the transcript; its arguments hold the path, and no shell reads them", async () => {
  expect(await hear(prints, ["--in={file}", "$HOME", ";", "{file}"])).toMatchObject({
    kind: "said",
    text: expect.stringMatching(
      /^--in=\/.*\/it's \$\(touch x\) "a voice"\.ogg\|\$HOME\|;\|\/.*\/it's \$\(touch x\) "a voice"\.ogg$/,
    ) as string,
  });
});

test("the program gets no secret in its environment", async () => {
  const transcript = await hear("console.log(JSON.stringify(process.env))");
  expect(transcript.kind).toBe("said");
  expect(JSON.stringify(transcript)).not.toContain("canary");
});

test("a program that fails is told with its code and the last line of its complaint, made visible", async () => {
  const script = `console.error("Traceback\\nno model at \\u202e/x"); process.exitCode = 2`;
  expect(await hear(script)).toEqual({
    kind: "refused",
    why: "node failed (exit code 2): no model at ⟨U+202E⟩/x",
    again: true,
  });
  expect(await hear("process.exitCode = 2")).toMatchObject({ why: "node failed (exit code 2)." });
  expect(await hear("process.kill(process.pid, 'SIGSEGV')")).toMatchObject({ why: "node failed (killed)." });
});

test("a program that prints without end, or takes too long, is ended and told", async () => {
  expect(await hear("setInterval(() => console.log('x'.repeat(100_000)), 1)")).toMatchObject({
    why: expect.stringMatching(/printed more than 1 MB/) as string,
  });
  expect(await hear("setInterval(() => {}, 1000)", [], { patienceMs: 200 })).toMatchObject({
    why: expect.stringMatching(/took longer than 1 min/) as string,
    again: true,
  });
});

test("a program that is not there is told with the setting to check", async () => {
  const adapter = createCommandAdapter({ kind: "command", command: ["no-such-whisper", "{file}"] }, programDeps());
  expect(await adapter.hear("/x.ogg", known(), never)).toEqual({
    kind: "refused",
    why: "no-such-whisper cannot be started (ENOENT). Check SIGNALBOX_TRANSCRIBE_COMMAND.",
    again: true,
  });
  expect(adapter.takes(known({ mediaType: "audio/amr" }))).toBe(true);
  expect(adapter.takes(known({ mediaType: "video/mp4" }))).toBe(false);
});

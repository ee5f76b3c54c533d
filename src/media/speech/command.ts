/**
 * Hears through a program of the person's own: `{file}` in its arguments is the path of the sound, what it prints is the transcript.
 * See program.ts for how it is bounded and ended.
 */
import { tmpdir } from "node:os";
import { basename } from "node:path";
import { visibleWords } from "../../lib/visible.ts";
import { type ProgramDeps, runProgram } from "./program.ts";
import {
  heardTooLate,
  type KnownSound,
  notHeard,
  type SpeechAdapter,
  type SpeechSettings,
  stoppedHearing,
  type Transcript,
} from "./transcriber.ts";

/** An hour of speech is 60 kB; what prints more prints something else. */
const stdoutBytesMax = 1_000_000;
/** The last line of what it complains about, as far as one reads it. In UTF-16 units. */
const complaintCharsMax = 200;

export function createCommandAdapter(
  { command }: Extract<SpeechSettings, { kind: "command" }>,
  deps: ProgramDeps,
): SpeechAdapter {
  const [program, ...rest] = command;
  const name = basename(program);

  async function hear(path: string, { patienceMs }: KnownSound, signal: AbortSignal): Promise<Transcript> {
    const args = rest.map((arg) => arg.replaceAll("{file}", path));
    const end = await runProgram({ command: program, args, cwd: tmpdir(), patienceMs, stdoutBytesMax }, deps, signal);
    switch (end.kind) {
      case "ended":
        return end.code === 0 ? { kind: "said", text: end.stdout } : failed(end.code, end.complaint);
      case "missing":
        return notHeard(`${name} cannot be started (${end.code}). Check SIGNALBOX_TRANSCRIBE_COMMAND.`, true);
      case "late":
        return heardTooLate(patienceMs);
      case "stopped":
        return stoppedHearing;
      case "flooded":
        return notHeard(
          `${name} printed more than ${stdoutBytesMax / 1_000_000} MB and was ended: that is no transcript.`,
          true,
        );
      default:
        return end satisfies never;
    }
  }

  function failed(code: number | null, complaint: string): Transcript {
    const line = visibleWords(complaint.trim().split("\n").at(-1) ?? "").slice(0, complaintCharsMax);
    return notHeard(
      `${name} failed (${code === null ? "killed" : `exit code ${code}`})${line === "" ? "." : `: ${line}`}`,
      true,
    );
  }

  return {
    name,
    wants: "wav",
    // What it can read is its own affair; only the sound of a video is taken out first.
    takes: ({ mediaType }) => mediaType.startsWith("audio/"),
    hear,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

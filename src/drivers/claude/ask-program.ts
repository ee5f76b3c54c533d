/** A program that answers and exits. It is killed when nobody wants the answer any more, and nothing is answered while it still runs. */
import { execFile } from "node:child_process";
import type { ExecFileException } from "node:child_process";

export type ProgramOptions = {
  readonly env: Readonly<Record<string, string>>;
  /** Bound, in milliseconds. */
  readonly timeout: number;
  /** Of what it prints, in bytes. */
  readonly maxBuffer?: number;
};

/** `error` is set when it could not be started, failed, or was killed; `output` is what it printed until then. */
export type ProgramAnswer = { readonly error: ExecFileException | null; readonly output: string };

/** Resolves when the program has exited, never rejects. */
export function askProgram(
  program: string,
  args: readonly string[],
  options: ProgramOptions,
  signal: AbortSignal,
): Promise<ProgramAnswer> {
  return new Promise((resolve) => {
    let answer: ProgramAnswer = { error: null, output: "" };
    const child = execFile(program, args, { ...options, killSignal: "SIGKILL" }, (error, output) => {
      answer = { error, output };
    });
    // execFile's own signal would send SIGTERM and answer while the program still runs.
    const end = (): void => void child.kill("SIGKILL");
    if (signal.aborted) end();
    signal.addEventListener("abort", end, { once: true });
    child.once("close", () => {
      signal.removeEventListener("abort", end);
      resolve(answer);
    });
  });
}

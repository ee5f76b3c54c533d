/** A program with its arguments, as people write it: `whisper --model tiny {file}`, or `["whisper", "{file}"]`. No shell reads it. */

export type CommandLine = readonly [program: string, ...args: string[]];

/** Null where it is none, or where no argument has `{file}` in it: then it would not be told what to work on. */
export function parseCommand(written: string | readonly string[]): CommandLine | null {
  const words = typeof written === "string" ? wordsOf(written) : written;
  const [program = "", ...args] = words ?? [];
  const isUsable =
    program !== "" && args.some((arg) => arg.includes("{file}")) && ![program, ...args].join("").includes("\0");
  return isUsable ? [program, ...args] : null;
}

/** Words are what spaces are between; an argument with a space in it needs the array. */
function wordsOf(text: string): readonly string[] | null {
  if (!text.startsWith("[")) return text.split(/\s+/);
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((word) => typeof word === "string") ? value : null;
  } catch {
    return null; // not JSON: refused with what is allowed
  }
}

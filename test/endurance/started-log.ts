/**
 * An independent witness of what was started: a `sleep` that writes down its argument before it sleeps, first on the PATH of the program's
 * agents. It lives outside the program and its database, so it also remembers what a crash forgot.
 */
import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export type StartedLog = {
  /** To be put first on PATH. */
  readonly directory: string;
  /** The arguments of every sleep that was started, in order. */
  read(): readonly string[];
};

export function createStartedLog(home: string): StartedLog {
  const directory = join(home, "bin");
  const file = join(home, "started.log");
  const sleep = ["/usr/bin/sleep", "/bin/sleep"].find((path) => existsSync(path));
  if (sleep === undefined) throw new Error("there is no sleep on this machine");
  mkdirSync(directory);
  appendFileSync(file, "");
  // One write of a short line: lines of several processes do not mix.
  writeFileSync(join(directory, "sleep"), `#!/bin/sh\necho "$1" >> '${file}'\nexec ${sleep} "$1"\n`);
  chmodSync(join(directory, "sleep"), 0o755);
  return {
    directory,
    read: () =>
      readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line !== ""),
  };
}

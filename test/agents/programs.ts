/** Where the agents under test are: beside this file, installed by the first `npm test` (or `npm run verify -- agents`). */
import { existsSync } from "node:fs";
import { join } from "node:path";

const installed = join(import.meta.dirname, "node_modules");

const opencode =
  process.arch === "x64" ? `opencode-${process.platform}-x64-baseline` : `opencode-${process.platform}-${process.arch}`;

const programs = {
  codex: join(installed, ".bin/codex"),
  gemini: join(installed, ".bin/gemini"),
  opencode: join(installed, opencode, "bin/opencode"),
};

/** The path of an agent's program. Throws, with what to do, where it is not installed. */
export function agentProgram(name: keyof typeof programs): string {
  const program = programs[name];
  if (!existsSync(program)) throw new Error(`${program} is not there: \`npm run verify -- agents\` installs it first.`);
  return program;
}

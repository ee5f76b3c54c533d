/** The driver contract, held against the real Claude Code and a scripted model. */
import { driverContract } from "../../../test/contracts/driver.ts";
import type { DriverPrompts } from "../../../test/contracts/driver.ts";
import { scripted } from "../../../test/model/script.ts";
import { createClaudeStage } from "./test-stage.ts";

const bash = (command: string, more: object = {}) => ({
  tool: "Bash",
  input: { command, description: "test", ...more },
});
const tool = (command: string): string => scripted([["I begin. ", bash(command)], ["not reached"]]);

/** `(sleep ...); echo` because Claude Code refuses a bare sleep. */
const prompts: DriverPrompts = {
  answer: (word) => scripted([[`The word is ${word}.`]]),
  endless: scripted([[{ text: ["once upon a time ", { gate: "never opened" }, "the end"] }]]),
  tool: (seconds) => tool(`(sleep ${seconds}); echo done`),
  stubbornTool: (seconds) => tool(`trap '' TERM; (trap '' TERM; sleep ${seconds}); echo done`),
  detachedTool: (seconds) => tool(`setsid --wait sleep ${seconds}; echo done`),
  background: (seconds) =>
    scripted([[bash(`(sleep ${seconds}); echo done`, { run_in_background: true })], ["It runs in the background."]]),
  steer: {
    hold: (seconds) => scripted([[bash(`(sleep ${seconds}); echo done`)], [{ tell: "later words" }]]),
    add: (word) => word,
  },
  resume: {
    first: "remember this",
    second: scripted([[{ tell: "earlier answers" }]]),
    recalls: /[1-9]\d* earlier answers/,
  },
  images: "seen",
  dies: scripted([[bash("kill -9 $PPID")], ["not reached"]]),
};

driverContract("claude", async () => ({ ...(await createClaudeStage()), prompts }), prompts, { timeoutMs: 30_000 });

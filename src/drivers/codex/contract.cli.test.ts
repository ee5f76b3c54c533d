/** The driver contract, held against the real Codex and a scripted model. */
import { driverContract } from "../../../test/contracts/driver.ts";
import type { DriverPrompts } from "../../../test/contracts/driver.ts";
import { scripted } from "../../../test/model/script.ts";
import { createCodexStage } from "./test-stage.ts";

const bash = (command: string, more: object = {}) => ({ tool: "Bash", input: { command, ...more } });
const tool = (command: string): string => scripted([["I begin. ", bash(command)], ["not reached"]]);

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

driverContract("codex", async () => ({ ...(await createCodexStage()), prompts }), prompts, { timeoutMs: 30_000 });

/** The prompts of the driver contract for an agent that the scripted model plays, and that has a shell. */
import { scripted, type Step } from "../model/script.ts";
import type { DriverPrompts } from "./driver.ts";

/** A command as the agent's own shell tool takes it; `more` is what else its input holds. */
export type Shell = (command: string, more?: object) => Step;

/** `(sleep ...); echo` because Claude Code refuses a bare sleep. */
export function scriptedPrompts(shell: Shell): DriverPrompts {
  const tool = (command: string): string => scripted([["I begin. ", shell(command)], ["not reached"]]);
  return {
    answer: (word) => scripted([[`The word is ${word}.`]]),
    endless: scripted([[{ text: ["once upon a time ", { gate: "never opened" }, "the end"] }]]),
    tool: (seconds) => tool(`(sleep ${seconds}); echo done`),
    stubbornTool: (seconds) => tool(`trap '' TERM; (trap '' TERM; sleep ${seconds}); echo done`),
    detachedTool: (seconds) => tool(`setsid --wait sleep ${seconds}; echo done`),
    background: (seconds) =>
      scripted([[shell(`(sleep ${seconds}); echo done`, { run_in_background: true })], ["It runs in the background."]]),
    steer: {
      hold: (seconds) => scripted([[shell(`(sleep ${seconds}); echo done`)], [{ tell: "later words" }]]),
      add: (word) => word,
    },
    resume: {
      first: "remember this",
      second: scripted([[{ tell: "earlier answers" }]]),
      recalls: /[1-9]\d* earlier answers/,
    },
    images: "seen",
    dies: scripted([[shell("kill -9 $PPID")], ["not reached"]]),
  };
}

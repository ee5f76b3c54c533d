/**
 * What the demo agent makes of a prompt: pure, so that its words can be read and tested in one place.
 *
 * I14: how long a process runs and how far it counts is bounded, and going over the bound is told in the answer.
 */

/** How `run <seconds>` runs. stubborn: SIGTERM is ignored; detached: in a session of its own; background: left behind. */
export type RunStyle = "foreground" | "stubborn" | "detached" | "background";

export type DemoScript = {
  readonly thinking: string;
  /** `seconds` is a decimal number as text, as the person wrote it. */
  readonly tool: { readonly seconds: string; readonly style: RunStyle } | null;
  /** Numbers are said one by one, 1 to `countTo`, before the words. 0: none. */
  readonly countTo: number;
  readonly words: string;
};

/** A demo process that somebody forgets must end by itself; an hour shows everything. */
export const runSecondsMax = 3_600;
/** At the pace of `countPaceMs` this is half an hour of live text to watch and to stop. */
export const countMax = 10_000;

export function readPrompt(text: string, turn: number): DemoScript {
  const run = /\brun (?<seconds>\d{1,9}(?:\.\d{1,12})?)\b(?<rest>[^\n]*)/i.exec(text)?.groups;
  const count = /\bcount(?: to)? (?<to>\d{1,9})\b/i.exec(text)?.groups;
  const seconds = run?.["seconds"] ?? null;
  const isTooLong = seconds !== null && Number(seconds) > runSecondsMax;
  const tool =
    seconds === null ? null : { seconds: isTooLong ? `${runSecondsMax}` : seconds, style: styleOf(run?.["rest"]) };
  const countTo = Number(count?.["to"] ?? 0);
  const told = [
    ...(isTooLong ? [`A demo process runs for at most ${runSecondsMax} seconds.`] : []),
    ...(countTo > countMax ? [`The demo counts to ${countMax} at most.`] : []),
  ];
  return {
    thinking: `The person wrote ${text.length} characters. This is a demo: there is nothing to work out, so it says how to go on. `,
    tool,
    countTo: Math.min(countTo, countMax),
    words: [...told, answer(text, turn, tool)].join("\n\n"),
  };
}

function styleOf(rest: string | undefined): RunStyle {
  if (/\bbackground\b/i.test(rest ?? "")) return "background";
  if (/\bdetached\b/i.test(rest ?? "")) return "detached";
  return /\bstubborn/i.test(rest ?? "") ? "stubborn" : "foreground";
}

function answer(text: string, turn: number, tool: DemoScript["tool"]): string {
  return [
    `This is the **demo agent** of Signalbox, turn ${turn} of this session. It shows how runs, the queue and Stop behave; it reads no files and asks no model.`,
    ...(tool === null ? [] : [toolLine(tool)]),
    `You wrote: ${quote(text)}`,
    "To connect a real agent: install Claude Code, run `claude` once to log in, and start Signalbox again (or set `SIGNALBOX_DRIVER=claude`).",
    "Try here: `run 30` starts a real process, which you can stop; `run 30 stubborn` one that does not want to stop; `run 30 in the background` one that stays; `count to 200` a long answer.",
  ].join("\n\n");
}

function toolLine(tool: NonNullable<DemoScript["tool"]>): string {
  return tool.style === "background"
    ? `A process that sleeps for ${tool.seconds} s runs on in the background.`
    : `The process slept for ${tool.seconds} s and ended.`;
}

/** A prompt may be 100,000 characters; an echo of its head shows that it arrived. In UTF-16 units. */
const quoteCharsMax = 200;

export function quote(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  const head =
    line.length <= quoteCharsMax ? line : `${line.slice(0, quoteCharsMax).replace(/[\uD800-\uDBFF]$/, "")}\u2026`;
  return `\u201c${head}\u201d`;
}

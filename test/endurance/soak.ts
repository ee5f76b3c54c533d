/**
 * `npm run soak -- --minutes 30 --conversations 200`: the engine under load for a long time, with stops, replacements, restarts and a
 * failing store. A line a minute, a table at the end; exit code 1 when something was violated, or grows.
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { type Growth, median } from "./growth.ts";
import { soak, type SoakReport } from "./soaking.ts";
import { table } from "./table.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    conversations: { type: "string", default: "200" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    cpu: { type: "string", default: "0.35" },
    "restart-every": { type: "string", default: "60" },
    "sample-every": { type: "string", default: "60" },
  },
});

const seed = number("seed");
console.log(
  `Soak of ${values.minutes} minutes, ${values.conversations} conversations, seed ${seed}, ${new Date().toISOString().slice(0, 16)}Z`,
);
const loadBefore = loadavg()[0] ?? 0;
const report = await soak({
  seconds: number("minutes") * 60,
  conversations: number("conversations"),
  seed,
  sampleEverySeconds: number("sample-every"),
  restartEverySeconds: number("restart-every"),
  cpuShare: number("cpu"),
  tell: (line) => console.log(line),
});
console.log(describeReport(report, loadBefore));
process.exitCode = report.violations.length === 0 ? 0 : 1;

function describeReport(report: SoakReport, before: number): string {
  const { books, growth, restarts, faults, violations } = report;
  const load = `${before.toFixed(1)} to ${(loadavg()[0] ?? 0).toFixed(1)}`;
  const outcomes = [...books.outcomes].map(([kind, count]) => `${count} ${kind}`).join(", ");
  const states = [...books.byState].map(([state, count]) => `${count} ${state}`).join(" + ");
  const told = violations.length === 0 ? [] : ["", "VIOLATIONS", ...violations.slice(0, 40)];
  return [
    "",
    table([
      ["messages received", `${books.received} = ${states}`],
      ["runs", `${books.runs}: ${outcomes}`],
      ["acts of people", [...report.acts].map(([act, count]) => `${count} ${act}`).join(", ")],
      ["times of schedules", `${report.beats.fired} fired, ${report.beats.skipped} in a record of why not`],
      ["messages delivered", `${report.delivered}`],
      ["restarts", `${restarts.drained} drained, ${restarts.crashed} abandoned`],
      ["boot, ms", `${Math.round(median(report.bootMs))} median, ${Math.round(Math.max(...report.bootMs))} at most`],
      ["store faults", `${faults.refusals} commits refused, ${faults.squeezes} times a full disk`],
      ["logged errors", [...report.errors].map(([what, count]) => `${count} x ${what}`).join("; ") || "none"],
      ["processor", `${(100 * report.cpuShare).toFixed(0)} % of one core; load average ${load}`],
      ...[...growth].map(([name, one]): [string, string] => [name, growthText(one)]),
      ["violations", `${violations.length}`],
    ]),
    ...told,
  ].join("\n");
}

function growthText({ first, last, perHour, isGrowing }: Growth): string {
  if (Number.isNaN(first)) return "too few samples to judge";
  const verdict = isGrowing ? "GROWS" : "flat";
  return `${first.toFixed(1)} (first third) to ${last.toFixed(1)} (last), slope ${perHour.toFixed(1)} an hour: ${verdict}`;
}

function number(name: "minutes" | "conversations" | "seed" | "cpu" | "restart-every" | "sample-every"): number {
  const value = Number(values[name]);
  if (!(value > 0)) throw new Error(`--${name} takes a number above 0, not ${values[name]}`);
  return value;
}

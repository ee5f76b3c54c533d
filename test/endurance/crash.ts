/**
 * `npm run crash -- --kills 100`: the real program, killed again and again under load. A table at the end; exit code 1 with an account
 * of everything that was violated.
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { crash, type CrashReport } from "./crashing.ts";
import { median } from "./growth.ts";
import { table } from "./table.ts";

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "100" },
    people: { type: "string", default: "16" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
  },
});

const [kills, people, seed] = [number("kills"), number("people"), number("seed")];
const begunMs = performance.now();
console.log(`${kills} kills, ${people} people, seed ${seed}, ${new Date().toISOString().slice(0, 16)}Z`);
const report = await crash({ kills, people, seed, tell: (line) => console.log(line) });
console.log(describeReport(report));
process.exitCode = report.violations.length === 0 ? 0 : 1;

function describeReport(report: CrashReport): string {
  const { figures, beats, books, violations } = report;
  const states = [...books.byState].map(([state, count]) => `${count} ${state}`).join(" + ");
  const outcomes = [...books.outcomes].map(([kind, count]) => `${count} ${kind}`).join(", ");
  const boots = `${Math.round(median(report.bootMs))} median, ${Math.round(Math.max(...report.bootMs))} at most (${report.bootMs.length} boots)`;
  const told = violations.length === 0 ? [] : ["", "VIOLATIONS", ...violations.slice(0, 40)];
  return [
    "",
    table([
      ["seed", `${report.options.seed}`],
      ["kills", `${report.kills}, ${report.killsInBoot} of them before the program was ready`],
      ["updates", `${figures.updates} in ${report.polls} polls; ${figures.stored} stored, ${figures.lost} lost`],
      ["received", `${books.received} = ${states}`],
      ["runs", `${figures.runs}: ${outcomes}`],
      ["times of schedules", `${beats.fired} fired, ${beats.skipped} in a record of why not`],
      ["runs cut by a kill", `${report.runsCut}`],
      ["interrupted, told", `${figures.interrupted}, ${figures.interruptedTold}`],
      ["answers seen", `${figures.answers}; ${figures.markedRepeated} messages marked as possibly repeated`],
      ["processes started", `${figures.processes}, ${figures.twice} of a prompt twice`],
      ["repeated in silence", `${figures.silentRepeats}`],
      ["order", `${figures.ordersChecked} outcomes of plain people in the order of their messages`],
      ["processes left by kills", `${report.orphansLeft}`],
      ["orphans after a boot", `${report.orphans} in ${report.orphanChecks} looks`],
      ["boot, ms", boots],
      ["doctor", report.doctor],
      [
        "took",
        `${Math.round((performance.now() - begunMs) / 1000)} s, load average at the end ${(loadavg()[0] ?? 0).toFixed(1)}`,
      ],
      ["violations", `${violations.length}`],
    ]),
    ...told,
  ].join("\n");
}

function number(name: "kills" | "people" | "seed"): number {
  const value = Number(values[name]);
  if (!(value > 0)) throw new Error(`--${name} takes a number above 0, not ${values[name]}`);
  return value;
}

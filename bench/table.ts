/** The table that people read, and the JSON that says the same. */
import { cpus, loadavg, platform, release, totalmem } from "node:os";
import { type Figure, judge, type Judged, ratioOf, type Section, type Unit } from "./figure.ts";
import type { Spread } from "./spread.ts";

export type Noise = {
  /** One-minute load average before and after. */
  readonly loadBefore: number;
  readonly loadAfter: number;
  readonly seconds: number;
};

export type Measured = { readonly section: Section; readonly figures: readonly Figure[]; readonly noise: Noise };

const columns = { name: 74, number: 10 } as const;

export function heading(): string {
  const { model = "unknown processor" } = cpus()[0] ?? {};
  const memoryGb = Math.round(totalmem() / 2 ** 30);
  const names = ["median", "min", "p99", "max", "n", "ratio"].map((name) => name.padStart(columns.number)).join("");
  return [
    `${new Date().toISOString().slice(0, 16)}Z, Node ${process.versions.node}, ${platform()} ${release()}, ${cpus().length} x ${model.trim()}, ${memoryGb} GB`,
    `Ratio: of the medians, over the line marked "over". Both were measured in turn in this run.\n`,
    `${"".padEnd(columns.name)}${names}   target`,
  ].join("\n");
}

export function sectionText({ section, figures, noise }: Measured): string {
  const load = `load ${noise.loadBefore.toFixed(1)} to ${noise.loadAfter.toFixed(1)} on ${cpus().length} cores`;
  return [
    `\n${section.name}: ${section.title}  (${Math.round(noise.seconds)} s, ${load})`,
    ...figures.flatMap(figureLines),
  ].join("\n");
}

function figureLines(figure: Figure): readonly string[] {
  const ratio = ratioOf(figure);
  const verdict = judge(figure)
    .map((one) => verdictText(one, figure.unit))
    .join(", ");
  const own = line(
    `  ${figure.name}`,
    figure.spread,
    figure.unit,
    ratio === null ? "" : `${ratio.toFixed(2)}x`,
    verdict,
  );
  const others = figure.beside.map(({ name, spread }, index) =>
    line(`    ${index === 0 ? "over" : "beside"} ${name}`, spread, figure.unit, "", ""),
  );
  return [own, ...others];
}

function line(name: string, spread: Spread, unit: Unit, ratio: string, verdict: string): string {
  const numbers = [spread.median, spread.min, spread.p99, spread.max].map((value) => short(value));
  const cells = [...numbers, String(spread.count), ratio].map((cell) => cell.padStart(columns.number)).join("");
  return `${`${name} (${unit})`.padEnd(columns.name)}${cells}   ${verdict}`.trimEnd();
}

function verdictText({ of, kind, bound, actual, isMet }: Judged, unit: Unit): string {
  const of_ = of === "ratio" ? "ratio" : of === "difference" ? "more than the floor" : of;
  const shown = of === "ratio" ? `${bound}x` : `${bound} ${unit}`;
  return `${of_} ${kind} ${shown}: ${isMet ? "met" : `MISSED (${of === "ratio" ? `${actual.toFixed(2)}x` : short(actual)})`}`;
}

const short = (value: number): string =>
  Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(value < 10 ? 2 : 1);

export function toJson(measured: readonly Measured[]): string {
  const sections = measured.map(({ section, figures, noise }) => ({
    name: section.name,
    title: section.title,
    noise,
    figures: figures.map((figure) => ({ ...figure, ratio: ratioOf(figure), targets: judge(figure) })),
  }));
  const machine = {
    node: process.versions.node,
    system: `${platform()} ${release()}`,
    processors: cpus().length,
    processor: cpus()[0]?.model.trim() ?? null,
    memoryBytes: totalmem(),
  };
  return `${JSON.stringify({ at: new Date().toISOString(), machine, sections }, null, 2)}\n`;
}

export const loadNow = (): number => loadavg()[0] ?? 0;

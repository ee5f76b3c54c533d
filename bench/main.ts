/**
 * `npm run bench`: what Signalbox costs, each figure beside its floor. `npm run bench -- warm stop` measures those sections alone
 * (`codex` is every section whose name begins with it, and so on);
 * `--save` keeps the numbers in bench/results/<date>.json, else they are in bench/results/latest.tmp.json, which is not committed.
 *
 * 1. Everything is on loopback, in homes of its own, with telemetry off, and nothing is left behind.
 * 2. It is bounded: sections run one after the other, and one that fails is told and does not take the others with it.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { claudeApprovals, codexApprovals } from "./approvals.ts";
import { control } from "./control.ts";
import { codexCrowd } from "./crowd.ts";
import { documents } from "./documents.ts";
import type { Section } from "./figure.ts";
import { claudeModel, codexModel } from "./models.ts";
import { render } from "./render.ts";
import { idleSchedules, missedSchedules } from "./schedules.ts";
import { start } from "./start.ts";
import { codexStop, stop } from "./stop.ts";
import { heading, loadNow, type Measured, sectionText, toJson } from "./table.ts";
import { throughput } from "./throughput.ts";
import { codexWarm, first, warm } from "./turns.ts";
import { wake } from "./wake.ts";

const sections: readonly Section[] = [
  ...[warm, first, stop],
  ...[codexWarm, codexStop, codexCrowd],
  ...[claudeApprovals, codexApprovals, claudeModel, codexModel],
  ...[wake, throughput, start, control, render, documents],
  ...[idleSchedules, missedSchedules],
];

process.exitCode = await main();

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ options: { save: { type: "boolean" } }, allowPositionals: true });
  const unknown = positionals.filter((name) => !sections.some((section) => isNamed(section, name)));
  if (unknown.length > 0) {
    console.error(`unknown: ${unknown.join(" ")}. Sections: ${sections.map(({ name }) => name).join(" ")}`);
    return 2;
  }
  const chosen = sections.filter(
    (section) => positionals.length === 0 || positionals.some((name) => isNamed(section, name)),
  );
  const measured: Measured[] = [];
  let failures = 0;
  console.log(heading());
  for (const section of chosen) {
    try {
      const one = await measure(section);
      measured.push(one);
      console.log(sectionText(one));
    } catch (error) {
      failures += 1;
      console.log(
        `\n${section.name}: ${section.title}\n  FAILED: ${error instanceof Error ? error.stack : String(error)}`,
      );
    }
  }
  console.log(`\nThe same as JSON: ${save(measured, values.save === true)}`);
  return failures === 0 ? 0 : 1;
}

function isNamed(section: Section, name: string): boolean {
  return section.name === name || section.name.startsWith(`${name}-`);
}

async function measure(section: Section): Promise<Measured> {
  const loadBefore = loadNow();
  const begin = performance.now();
  const figures = await section.measure((text) => process.stderr.isTTY && process.stderr.write(`\r\x1b[K${text}\r`));
  return {
    section,
    figures,
    noise: { loadBefore, loadAfter: loadNow(), seconds: (performance.now() - begin) / 1_000 },
  };
}

function save(measured: readonly Measured[], isKept: boolean): string {
  const directory = join(import.meta.dirname, "results");
  mkdirSync(directory, { recursive: true });
  const name = isKept ? `${new Date().toISOString().slice(0, 16).replace(":", "")}.json` : "latest.tmp.json";
  writeFileSync(join(directory, name), toJson(measured));
  return `bench/results/${name}`;
}

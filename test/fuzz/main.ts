/** `npm run fuzz -- [--cases 100000] [--seed 1]`: random answers against the local Bot API's own rules. Exits 1 when one is found wrong. */
import { parseArgs } from "node:util";
import { fuzzFormatting } from "./formatting.ts";

const { values } = parseArgs({ options: { cases: { type: "string" }, seed: { type: "string" } } });
const cases = Number(values.cases ?? 100_000);
const seed = Number(values.seed ?? 1);

const begin = performance.now();
const findings = fuzzFormatting({ cases, seed, findingsMax: 10 }, (done, found) => {
  if (found !== null) console.log(`seed ${found.seed}: ${found.faults.join("; ")}\n  ${JSON.stringify(found.source)}`);
  if (process.stderr.isTTY && done % 500 === 0) process.stderr.write(`\r\x1b[K${done} of ${cases}\r`);
});
const seconds = Math.round((performance.now() - begin) / 1_000);
console.log(
  `${cases} cases from seed ${seed}, ${seconds} s: ${findings.length === 0 ? "nothing found" : `${findings.length} found`}`,
);
process.exitCode = findings.length === 0 ? 0 : 1;

/**
 * Runs each row's test against sources in which the row's guarantee is taken away, and demands red. One run of the test runner for
 * all of them: every mutant has a tree of its own, and a tree without any change beside them must be green.
 *
 * Exit code 1 when a mutant survives, an edit does not match any more, or the unchanged tree is not green.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, sep } from "node:path";
import { mutants } from "./mutants.ts";
import { plantTree, testFileOf } from "./mutated-tree.ts";

const root = dirname(dirname(import.meta.dirname));

/** A mutant may leave a test waiting for what never comes. An unchanged test takes a fraction of it. */
const testTimeoutMs = 20_000;

/** The part of Vitest's JSON report that is read. */
type Report = {
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
};

/** hung: red only because nothing came; that may be a slow machine, and shows nothing. */
type Verdict = { readonly kind: "green" | "red" | "hung" | "broken"; readonly why: string };

process.exitCode = main(process.argv.slice(2));

function main(asked: readonly string[]): number {
  const chosen = mutants.filter(({ rows }) => asked.length === 0 || rows.some((row) => asked.includes(row)));
  if (chosen.length === 0) throw new Error(`no mutant of ${asked.join(", ")}`);
  const scratch = realpathSync(mkdtempSync(join(tmpdir(), "signalbox-audit-")));
  try {
    plantTree(join(scratch, "unchanged"), [...new Set(chosen.flatMap(({ rows }) => rows))], []);
    for (const [index, { rows, edits }] of chosen.entries()) plantTree(join(scratch, `m${index}`), rows, edits);
    const verdicts = runTests(scratch);
    return print(chosen, (tree, row) => verdicts.get(`${tree}/${testFileOf(row)}`));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** By "<tree>/<file>". */
function runTests(scratch: string): ReadonlyMap<string, Verdict> {
  symlinkSync(join(root, "node_modules"), join(scratch, "node_modules"), "dir");
  writeFileSync(join(scratch, "package.json"), `{ "type": "module" }`);
  const settings = { pool: "forks", include: ["*/test/audit/*.test.ts"], testTimeout: testTimeoutMs };
  const config = { test: { ...settings, hookTimeout: testTimeoutMs, restoreMocks: true, unstubEnvs: true } };
  writeFileSync(join(scratch, "vitest.config.mjs"), `export default ${JSON.stringify(config)};`);
  const output = join(scratch, "report.json");
  const given = ["run", "--root", scratch, "--reporter=json", `--outputFile=${output}`];
  const run = spawnSync(process.execPath, [join(root, "node_modules/vitest/vitest.mjs"), ...given], {
    encoding: "utf8",
  });
  try {
    const report = JSON.parse(readFileSync(output, "utf8")) as Report;
    return new Map(report.testResults.map((file) => [keyOf(relative(scratch, file.name)), verdictOf(file)]));
  } catch (error) {
    throw new Error(`the test runner gave no report: ${run.stdout}\n${run.stderr}`, { cause: error });
  }
}

function keyOf(path: string): string {
  const parts = path.split(sep);
  return `${parts[0]}/${parts.at(-1)}`;
}

/** A file that could not be loaded has tested nothing: its mutant is a mistake, not a fault that was found. */
function verdictOf({ assertionResults, message }: Report["testResults"][number]): Verdict {
  if (assertionResults.length === 0) return { kind: "broken", why: message };
  const failed = assertionResults.filter(({ status }) => status === "failed");
  if (failed.length === 0) return { kind: "green", why: "" };
  const messages = failed.map(({ failureMessages }) => failureMessages[0] ?? "");
  const found = messages.find((text) => !text.startsWith("TestTimeoutError"));
  const share = `${failed.length} of ${assertionResults.length}`;
  return { kind: found === undefined ? "hung" : "red", why: `${share}: ${found ?? messages[0]}` };
}

/** Returns the exit code. */
function print(chosen: typeof mutants, verdictFor: (tree: string, row: string) => Verdict | undefined): number {
  const missing: Verdict = { kind: "broken", why: "it was not run" };
  let mistakes = 0;
  for (const row of new Set(chosen.flatMap(({ rows }) => rows))) {
    const { kind, why } = verdictFor("unchanged", row) ?? missing;
    if (kind === "green") continue;
    mistakes += 1;
    console.log(`${row.padEnd(8)}NOT GREEN without any change: ${why}`);
  }
  for (const [index, { rows, name }] of chosen.entries()) {
    for (const row of rows) {
      const { kind, why } = verdictFor(`m${index}`, row) ?? missing;
      const word = { red: "caught", green: "SURVIVED", hung: "HUNG", broken: "BROKEN" }[kind];
      if (kind !== "red") mistakes += 1;
      console.log(
        `${row.padEnd(8)}${word.padEnd(10)}${name}${why === "" ? "" : `\n${" ".repeat(18)}${firstLine(why)}`}`,
      );
    }
  }
  const tried = chosen.reduce((sum, { rows }) => sum + rows.length, 0);
  console.log(`${tried} tried, ${mistakes === 0 ? "all caught" : `${mistakes} not as they must be`}`);
  return mistakes === 0 ? 0 : 1;
}

function firstLine(text: string): string {
  return (text.split("\n")[0] ?? "").slice(0, 160);
}

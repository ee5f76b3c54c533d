// A Vitest reporter that writes what one run came to, with the reasons of skipped tests, which Vitest's own JSON report
// leaves out. `verify.ts` starts it and reads the file.
import { writeFileSync } from "node:fs";

import type { Reporter, TestModule } from "vitest/node";

/**
 * What one Vitest run came to. `failed` names everything that is not a passed or skipped test: also files that did not load.
 * `isWhole`: the run came to its end.
 */
export type Tally = Counts & { readonly isWhole: boolean };

type Counts = {
  readonly passed: number;
  readonly failed: readonly string[];
  readonly skipped: readonly { readonly name: string; readonly why: string }[];
};

/** The environment variable that names the file to write. */
export const tallyFileVariable = "VERIFY_TALLY_FILE";

/** Written after every test file, so that a run that is cut off still tells what it had found. */
export default class TallyReporter implements Reporter {
  readonly #modules: TestModule[] = [];

  onTestModuleEnd(module: TestModule): void {
    this.#modules.push(module);
    write({ ...tallyOf(this.#modules, []), isWhole: false });
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly { message?: string }[]): void {
    write({ ...tallyOf(modules, unhandledErrors), isWhole: true });
  }
}

function write(tally: Tally): void {
  const file = process.env[tallyFileVariable];
  if (file !== undefined) writeFileSync(file, JSON.stringify(tally));
}

function tallyOf(modules: readonly TestModule[], unhandledErrors: readonly { message?: string }[]): Counts {
  const failed: string[] = [];
  const skipped: { name: string; why: string }[] = [];
  let passed = 0;
  for (const module of modules) {
    const before = failed.length;
    for (const test of module.children.allTests()) {
      const name = `${module.relativeModuleId} > ${test.fullName}`;
      const result = test.result();
      switch (result.state) {
        case "passed":
          passed += 1;
          break;
        case "failed":
          failed.push(name);
          break;
        case "skipped":
          skipped.push({ name, why: result.note ?? "no reason given" });
          break;
        case "pending":
          failed.push(`${name} (never finished)`);
          break;
        default:
          result satisfies never;
      }
    }
    // A file that does not load and a hook that fails have no failed test to their name.
    for (const suite of module.children.allSuites()) {
      if (suite.errors().length > 0) failed.push(`${module.relativeModuleId} > ${suite.fullName}`);
    }
    if (module.errors().length > 0 || (!module.ok() && failed.length === before)) failed.push(module.relativeModuleId);
  }
  for (const error of unhandledErrors) failed.push(`outside any test: ${error.message ?? "unknown error"}`);
  return { passed, failed, skipped };
}

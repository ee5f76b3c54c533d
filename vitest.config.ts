// The test projects and what belongs to each. `scripts/verify.ts` runs them one after the other; a single file is
// `npx vitest run path/to/file.test.ts`.
import { availableParallelism } from "node:os";

import { defineConfig } from "vitest/config";

/** Tests that start a real agent CLI are named so wherever they sit: a project of their own. */
const realCli = "**/*.cli.test.ts";
const ignored = ["**/node_modules/**", "dist/**"];

const minute = 60_000;

export default defineConfig({
  test: {
    pool: "forks",
    // Vitest would leave one processor free for itself, which on two is half of the machine.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    passWithNoTests: true,
    // A bound for a test that hangs, generous because small machines run several files at once; no test measures time.
    testTimeout: minute,
    hookTimeout: minute,
    // A leaked handle or a forgotten mock in one test must not decide another.
    restoreMocks: true,
    unstubEnvs: true,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: [
            "src/**/*.test.{ts,tsx}",
            "scripts/**/*.test.ts",
            "test/*.test.ts",
            "test/emulator/**/*.test.ts",
            "test/fuzz/**/*.test.ts",
            "test/model/**/*.test.ts",
          ],
          exclude: [...ignored, realCli],
        },
      },
      {
        extends: true,
        test: { name: "contracts", include: ["test/contracts/**/*.test.ts"], exclude: [...ignored, realCli] },
      },
      {
        extends: true,
        test: { name: "audit", include: ["test/audit/**/*.test.ts"], exclude: [...ignored, realCli] },
      },
      {
        extends: true,
        test: {
          name: "simulation",
          include: ["test/simulation/**/*.test.ts"],
          exclude: [...ignored, realCli],
          testTimeout: 2 * minute,
        },
      },
      {
        extends: true,
        // Each file starts one agent at a time and waits for it half of the time; more than two files at once would wait for memory.
        test: { name: "agents", include: [realCli], exclude: ignored, maxWorkers: 2 },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts", "test/endurance/**/*.test.ts"],
          exclude: ignored,
          // Real processes that mostly wait: four files at a time keep two processors busy.
          maxWorkers: 4,
        },
      },
      {
        extends: true,
        test: {
          name: "browser",
          include: ["test/browser/**/*.test.ts"],
          exclude: ignored,
          // A browser draws on processes of its own; two files at a time wait for each other's pages.
          maxWorkers: 2,
        },
      },
    ],
  },
});

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

// Type-aware rules go blind without a word when the type checker cannot load a file, so each one that the design leans on
// has a fault planted that it must see, under the repository's own configuration.

const root = dirname(import.meta.dirname);

const planted: [rule: string, path: string, code: string][] = [
  [
    "typescript(no-floating-promises)",
    "src/store/a.ts",
    `import { rm } from "node:fs/promises";\nexport function f(): void {\n  rm("x");\n}`,
  ],
  [
    "typescript(no-misused-promises)",
    "src/store/b.ts",
    `import { rm } from "node:fs/promises";\n["x"].forEach(async (x) => {\n  await rm(x);\n});`,
  ],
  [
    "typescript(switch-exhaustiveness-check)",
    "src/domain/c.ts",
    `export function f(x: "a" | "b"): number {\n  switch (x) {\n    case "a":\n      return 1;\n    default:\n      return 2;\n  }\n}`,
  ],
  [
    "typescript(switch-exhaustiveness-check)",
    "src/web/page/d.ts",
    `export function f(x: "a" | "b"): void {\n  switch (x) {\n    case "a":\n      document.title = x;\n  }\n}`,
  ],
  [
    "typescript(await-thenable)",
    "src/store/e.ts",
    `export async function f(x: number): Promise<void> {\n  await x;\n}`,
  ],
  ["typescript(no-explicit-any)", "src/store/f.ts", `export const f = (x: any): unknown => x;`],
  [
    "eslint(no-empty)",
    "src/store/g.ts",
    `export function f(g: () => void): void {\n  try {\n    g();\n  } catch {}\n}`,
  ],
  ["eslint(no-console)", "src/store/h.ts", `export const f = (): void => console.log("x");`],
  ["vitest(no-focused-tests)", "src/store/i.test.ts", `import { test } from "vitest";\ntest.only("x", () => {});`],
];

let scratch: string;
let report: Map<string, string[]>;

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "signalbox-lint-"));
  for (const file of [
    ".oxlintrc.json",
    "tsconfig.json",
    "src/web/page/tsconfig.json",
    "src/web/page/vite.config.ts",
    "package.json",
  ]) {
    cpSync(join(root, file), join(scratch, file));
  }
  symlinkSync(join(root, "node_modules"), join(scratch, "node_modules"));
  for (const [, path, code] of planted) {
    mkdirSync(dirname(join(scratch, path)), { recursive: true });
    writeFileSync(join(scratch, path), `${code}\n`);
  }
  const oxlint = join(root, "node_modules/oxlint/bin/oxlint");
  const { stdout } = spawnSync(process.execPath, [oxlint, "--format", "json", "src"], {
    cwd: scratch,
    encoding: "utf8",
  });
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: { code: string; filename: string }[] };
  report = new Map(
    [...Map.groupBy(diagnostics, (found) => found.filename)].map(([file, found]) => [
      file,
      found.map(({ code }) => code),
    ]),
  );
});

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

test.each(planted)("%s sees the fault planted in %s", (rule, path) => {
  expect(report.get(path)).toContain(rule);
});

/**
 * For each row the guarantee that makes its race impossible, taken away: exact replacements in `src/`. The row's test must be red
 * with each of them, or it shows nothing. `npm run audit:mutants` tries all; `npm run audit:mutants -- H-4 DR-2` those of some rows.
 */
export type Edit = { readonly file: string; readonly find: string; readonly replace: string };

export type Mutant = {
  /** Rows, each with the test file `<row>.test.ts` (or `<row>.cli.test.ts`); the mutant must be caught by each of them. */
  readonly rows: readonly [string, ...string[]];
  readonly name: string;
  readonly edits: readonly [Edit, ...Edit[]];
};

/** A run that settles without asking its turn again whether it is quiet. */
const withoutProof: readonly Edit[] = [
  { file: "engine/run.ts", find: "const { adopted } = await started.quiet;", replace: "const adopted: never[] = [];" },
  { file: "engine/run.ts", find: "await started[Symbol.asyncDispose]();", replace: "" },
];

/** The claim of an item: it is the only place in the engine that starts anything, and it looks at nothing. */
const claimsAnything: Edit = {
  file: "domain/lane-machine.ts",
  find: 'return state.kind === "idle"\n        ? {',
  replace: "return state !== null\n        ? {",
};

/** A conversation with a live run counts as free, and the database lets a second one in. */
const laneNeverTaken: readonly Edit[] = [
  claimsAnything,
  {
    file: "store/migrations.ts",
    find: "CREATE UNIQUE INDEX run_one_per_lane",
    replace: "CREATE INDEX run_one_per_lane",
  },
  {
    file: "store/readiness.ts",
    find: "AND NOT EXISTS (SELECT 1 FROM run WHERE conversation = lane.conversation AND state IN ${liveStates}) AS isReady",
    replace: "AS isReady",
  },
];

/** A directory with a live run counts as free, and the database lets a second one in. */
const workspaceNeverTaken: readonly [Edit, ...Edit[]] = [
  {
    file: "store/migrations.ts",
    find: "CREATE UNIQUE INDEX run_one_per_workspace",
    replace: "CREATE INDEX run_one_per_workspace",
  },
  {
    file: "store/readiness.ts",
    find: "WHEN EXISTS (SELECT 1 FROM run WHERE workspace = workspace.path AND state IN ${liveStates}) THEN NULL",
    replace: "WHEN 1 = 0 THEN NULL",
  },
];

export const mutants: readonly Mutant[] = [
  {
    rows: ["DQ-1"],
    name: "the end of a run wakes nobody: only new traffic does",
    edits: [
      {
        file: "engine/engine.ts",
        find: "const value = await decide(work);\n        await work.claim();",
        replace: "const value = await decide(work);",
      },
    ],
  },
];

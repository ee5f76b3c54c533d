// The house rules of docs/architecture.md that a parser can hold: who may import whom, and what may stand at the top of a
// module. Works on text, so that a test can plant a violation of each rule and the rules can never go blind.
//
// 1. lib <- domain <- engine <- { store, drivers, telegram, web, schedule, media } <- main.ts, cli.ts, config.ts.
//    Siblings in braces never import each other, nor does one agent's driver another's.
// 2. The domain is pure: it imports domain and lib only, and names no promise, timer, clock, process or network.
// 3. The page takes types from domain, engine/ports.ts and web/wire.ts (what the server sends it), the Markdown parser and
//    the visible text of lib, and nothing else from the server; the server never imports the page.
// 4. Only config.ts reads the environment; only main.ts and cli.ts exit the process.
// 5. No state at module level, no barrels.
// 6. A timer says in a comment above which bound or pacing it is: time proves nothing.
// 7. A platform's package stays in the folder that adapts it.
// 8. The emulator is independent of what it checks: it imports nothing from src.
import { dirname, join } from "node:path/posix";

import { parseSync, type Node } from "oxc-parser";

/** One source file: its path from the repository root with forward slashes, and its text. */
export type Source = { readonly path: string; readonly text: string };

/** Every broken rule as one line, `path:line: what and why`, in the order of the files. */
export function violations(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => {
    const file = read(source);
    const rules = source.path.startsWith("src/") && !isTest(source.path) ? srcRules : [];
    return [...rules, ...allFilesRules].flatMap((rule) => rule(file));
  });
}

// ---- Reading a file ----

type Import = { readonly target: string; readonly isTypeOnly: boolean; readonly node: Node };
type File = Source & {
  readonly place: Place;
  readonly body: readonly Node[];
  /** Every node below `body`, parents first, with the statement it stands in. */
  readonly nodes: readonly { readonly node: Node; readonly statement: Node }[];
  readonly imports: readonly Import[];
  readonly lineOf: (node: Node) => number;
};
type Rule = (file: File) => string[];

function read(source: Source): File {
  const parsed = parseSync(source.path, source.text);
  const fault = parsed.errors[0];
  if (fault !== undefined) throw new Error(`${source.path} does not parse: ${fault.message}`);
  const body: readonly Node[] = parsed.program.body;
  const nodes = body.flatMap((statement) => walk(statement, statement));
  const imports = nodes.flatMap(({ node }) => importOf(source.path, node));
  const lineOf = (node: Node) => source.text.slice(0, node.start).split("\n").length;
  return { ...source, place: placeOf(source.path), body, nodes, imports, lineOf };
}

function walk(node: Node, statement: Node): { node: Node; statement: Node }[] {
  const here = /Statement$|Declaration$/.test(node.type) ? node : statement;
  const children = Object.values(node).flatMap((value: unknown) => (Array.isArray(value) ? value : [value]));
  return [{ node, statement: here }, ...children.filter(isNode).flatMap((child) => walk(child, here))];
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && "start" in value;
}

function importOf(path: string, node: Node): Import[] {
  const found = (from: string, isTypeOnly: boolean) => [
    { target: from.startsWith(".") ? join(dirname(path), from) : from, isTypeOnly, node },
  ];
  switch (node.type) {
    case "ImportDeclaration":
      return found(node.source.value, node.importKind === "type");
    case "ExportAllDeclaration":
      return found(node.source.value, node.exportKind === "type");
    case "ExportNamedDeclaration":
      return node.source ? found(node.source.value, node.exportKind === "type") : [];
    case "ImportExpression":
      return found(node.source.type === "Literal" ? String(node.source.value) : "<computed>", false);
    case "TSImportType":
      return found(node.source.value, true);
    default:
      return [];
  }
}

/** A test, or what only tests of its folder use (`x.test-kit.ts`, `test-x.ts`). */
function isTest(path: string): boolean {
  return /(\.test(-kit)?|\/test-[^/]+)\.tsx?$/.test(path);
}

// ---- Where a file stands in the house ----

/** `layer` counts from the inside; `room` is the sibling (or the agent's driver) that others of its layer stay out of. */
type Place =
  | { readonly kind: "inside"; readonly layer: number; readonly room: string }
  | { readonly kind: "page" }
  | { readonly kind: "outside" };

function placeOf(path: string): Place {
  const [top, folder = "", inner = "", ...rest] = path.split("/");
  if (top !== "src") return { kind: "outside" };
  if (inner === "") return { kind: "inside", layer: 4, room: "" };
  if (folder === "web" && inner === "page") return { kind: "page" };
  const layer = ["lib", "domain", "engine"].indexOf(folder);
  if (layer !== -1) return { kind: "inside", layer, room: "" };
  // A folder that nobody has put into the house is one more sibling: it may not become everybody's cellar unnoticed.
  const isAgent = folder === "drivers" && rest.length > 0;
  return { kind: "inside", layer: 3, room: isAgent ? `drivers/${inner}` : folder };
}

/** Runs in a browser as well. */
const pageLib: ReadonlySet<string> = new Set(["src/lib/markdown.ts", "src/lib/visible.ts"]);

function mayImport(from: Place, target: string, isTypeOnly: boolean): boolean {
  const to = placeOf(target);
  switch (from.kind) {
    case "outside":
      return true;
    case "page":
      if (to.kind === "page" || pageLib.has(target)) return true;
      return isTypeOnly && /^src\/(domain\/.*|engine\/ports\.ts|web\/wire\.ts)$/.test(target);
    case "inside":
      if (to.kind !== "inside" || isTest(target)) return false;
      if (to.layer !== from.layer) return to.layer < from.layer;
      // What the drivers share is open to each of them; an agent is open to nobody but itself.
      return to.room === from.room || (to.room === "drivers" && from.room.startsWith("drivers/"));
    default:
      return from satisfies never;
  }
}

// ---- The rules ----

const importsPointInward: Rule = (file) =>
  file.imports
    .filter(({ target }) => /^(src|test|bench|scripts|examples|\.\.)\//.test(target))
    .filter(({ target, isTypeOnly }) => !mayImport(file.place, target, isTypeOnly))
    .map(({ target, node }) => at(file, node, `must not import ${target} (imports point inward, siblings apart)`));

const importsAreReadable: Rule = (file) =>
  file.imports
    .filter(({ target }) => target === "<computed>")
    .map(({ node }) => at(file, node, "imports a computed name, which no rule can check"));

const impure =
  /^(Promise|Async(Iterable|Iterator|Generator|Disposable)|set(Timeout|Interval|Immediate)|queueMicrotask|fetch|console|performance|globalThis)$/;

/** `process` may be a word of the domain (a process that still runs), so only what the global has is forbidden. */
const impureOfProcess = ["env", "cwd", "exit", "hrtime", "nextTick", "platform", "uptime"];

const domainIsPure: Rule = (file) => {
  if (!file.path.startsWith("src/domain/")) return [];
  const foreign = file.imports
    .filter(({ target }) => !/^src\/(domain|lib)\//.test(target))
    .map(({ target, node }) => at(file, node, `the domain imports domain and lib only, not ${target}`));
  const effects = file.nodes.flatMap(({ node }) => {
    const isAsync = "async" in node && node.async;
    const waits = isAsync || node.type === "AwaitExpression" || (node.type === "ForOfStatement" && node.await);
    if (waits) return [at(file, node, "the domain does not wait")];
    if (impure.test(nameOf(node))) return [at(file, node, `the domain is pure: ${nameOf(node)}`)];
    if (impureOfProcess.some((name) => isMember(node, "process", name))) {
      return [at(file, node, "the domain is pure: process")];
    }
    if (isMember(node, "Date", "now") || isMember(node, "Math", "random")) {
      return [at(file, node, "the domain is pure: time and chance are parameters")];
    }
    const readsClock =
      node.type === "NewExpression" && isIdentifier(node.callee, "Date") && node.arguments.length === 0;
    return readsClock ? [at(file, node, "the domain is pure: time is a parameter")] : [];
  });
  return [...foreign, ...effects];
};

const environmentIsReadOnce: Rule = (file) =>
  file.path === "src/config.ts"
    ? []
    : uses(file, "env").map((node) => at(file, node, "only config.ts reads process.env"));

const oneExit: Rule = (file) =>
  ["src/main.ts", "src/cli.ts"].includes(file.path)
    ? []
    : uses(file, "exit").map((node) => at(file, node, "only main.ts and cli.ts call process.exit"));

/** Where `process.<name>` is taken: as a member, by destructuring, or imported from node:process. */
function uses(file: File, name: string): Node[] {
  return file.nodes.flatMap(({ node }): Node[] => {
    if (isMember(node, "process", name)) return [node];
    if (node.type === "VariableDeclarator" && node.id.type === "ObjectPattern" && isIdentifier(node.init, "process")) {
      const takes = node.id.properties.some(
        (property) => property.type === "Property" && isIdentifier(property.key, name),
      );
      return takes ? [node] : [];
    }
    if (node.type === "ImportSpecifier" && isIdentifier(node.imported, name)) {
      return file.imports.some(({ target, node: from }) => /^(node:)?process$/.test(target) && contains(from, node))
        ? [node]
        : [];
    }
    return [];
  });
}

const noModuleState: Rule = (file) =>
  file.body.flatMap((statement) => {
    const declaration = statement.type === "ExportNamedDeclaration" ? statement.declaration : statement;
    if (declaration?.type !== "VariableDeclaration") return [];
    if (declaration.kind === "let" || declaration.kind === "var") {
      return [at(file, statement, `module-level ${declaration.kind}: state belongs to what createX() returns`)];
    }
    return declaration.declarations
      .filter(({ init }) => init !== null && isEmptyContainer(init))
      .map((declarator) =>
        at(file, declarator, "module-level mutable container: state belongs to what createX() returns"),
      );
  });

/** Empty at the start, so it is there to be filled. */
function isEmptyContainer(node: Node): boolean {
  if (node.type === "ArrayExpression") return node.elements.length === 0;
  if (node.type === "ObjectExpression") return node.properties.length === 0;
  return node.type === "NewExpression" && node.arguments.length === 0 && /^(Weak)?(Map|Set)$/.test(nameOf(node.callee));
}

const noBarrels: Rule = (file) => {
  if (/\/index\.tsx?$/.test(file.path)) return [`${file.path}:1: index files are barrels; name the noun`];
  const stars = file.body.filter(({ type }) => type === "ExportAllDeclaration");
  const passesOn = (node: Node) => node.type === "ExportNamedDeclaration" && node.source !== null;
  const isOnlyPassing =
    file.body.some(passesOn) && file.body.every((node) => passesOn(node) || node.type === "ImportDeclaration");
  const reason = "re-exports are barrels; import from where it is defined";
  return [...stars, ...(isOnlyPassing ? file.body.slice(0, 1) : [])].map((node) => at(file, node, reason));
};

const timersAreExplained: Rule = (file) => {
  const lines = file.text.split("\n");
  const isCommented = (line: number) => /^\s*(\/\/|\/\*|\*)/.test(lines[line - 2] ?? "");
  return file.nodes
    .filter(
      ({ node }) => node.type === "CallExpression" && /^(setTimeout|setInterval|sleep)$/.test(calleeName(node.callee)),
    )
    .filter(({ node, statement }) => !isCommented(lineOfCall(file, node)) && !isCommented(file.lineOf(statement)))
    .map(({ node }) => at(file, node, "a timer needs a comment above that says what bound or pacing it is"));
};

function calleeName(callee: Node): string {
  return callee.type === "MemberExpression" ? nameOf(callee.property) : nameOf(callee);
}

/** The line where the timer's name stands, when a long chain begins lines above it. */
function lineOfCall(file: File, node: Node): number {
  if (node.type !== "CallExpression") return file.lineOf(node);
  return file.lineOf(node.callee.type === "MemberExpression" ? node.callee.property : node.callee);
}

const homes: readonly [name: RegExp, home: string][] = [
  [/^grammy(\/|$)/, "src/telegram/"],
  [/^(hono|@hono\/[^/]+)(\/|$)/, "src/web/"],
  [/^(preact|@preact\/[^/]+)(\/|$)/, "src/web/page/"],
  [/^@anthropic-ai\//, "src/drivers/claude/"],
  [/^@agentclientprotocol\//, "src/drivers/acp/"],
];

const platformsStayHome: Rule = (file) =>
  file.imports.flatMap(({ target, node }) => {
    const home = homes.find(([name]) => name.test(target))?.[1];
    return home === undefined || file.path.startsWith(home) ? [] : [at(file, node, `${target} stays in ${home}`)];
  });

const emulatorIsIndependent: Rule = (file) =>
  file.path.startsWith("test/emulator/")
    ? file.imports
        .filter(({ target }) => target.startsWith("src/"))
        .map(({ target, node }) => at(file, node, `the emulator must not know what it checks: ${target}`))
    : [];

const srcRules: readonly Rule[] = [
  importsPointInward,
  importsAreReadable,
  domainIsPure,
  environmentIsReadOnce,
  oneExit,
  noModuleState,
  noBarrels,
  timersAreExplained,
  platformsStayHome,
];
const allFilesRules: readonly Rule[] = [emulatorIsIndependent];

// ---- Leaves ----

function at(file: File, node: Node, what: string): string {
  return `${file.path}:${file.lineOf(node)}: ${what}`;
}

function isIdentifier(node: Node | null, name: string): boolean {
  return node !== null && nameOf(node) === name;
}

function nameOf(node: Node): string {
  return node.type === "Identifier" ? node.name : "";
}

/** `object.property`, also as `globalThis.object.property` and `object["property"]`. */
function isMember(node: Node, object: string, property: string): boolean {
  if (node.type !== "MemberExpression") return false;
  const key = node.property.type === "Literal" ? String(node.property.value) : nameOf(node.property);
  const owner = node.object.type === "MemberExpression" ? nameOf(node.object.property) : nameOf(node.object);
  return key === property && owner === object;
}

function contains(outer: Node, inner: Node): boolean {
  return outer.start <= inner.start && inner.end <= outer.end;
}

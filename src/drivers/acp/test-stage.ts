/** What a test of the ACP driver stands on: a scripted model on loopback, a home of its own, and the real programs. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { agentProgram } from "../../../test/agents/programs.ts";
import type { DriverHarness } from "../../../test/contracts/driver.ts";
import { createGeminiGateway } from "../../../test/model/gemini.ts";
import { seenBy } from "../../../test/model/images.ts";
import { createModelServer } from "../../../test/model/model-server.ts";
import type { ModelServer } from "../../../test/model/model-server.ts";
import type { Step } from "../../../test/model/script.ts";
import type { Driver, Log } from "../../engine/ports.ts";
import { createSystemClock } from "../../lib/clock.ts";
import { createScan } from "../../lib/process-scan.ts";
import { createAcpDriver } from "./driver.ts";
import type { AcpAgent, AcpDriverDeps } from "./driver.ts";
import { knownAgents } from "./known-agents.ts";

export type RealAgent = "opencode" | "gemini";

export type AcpStage = Omit<DriverHarness, "prompts"> & {
  readonly driver: Driver;
  readonly model: ModelServer;
  readonly agent: AcpAgent;
  readonly home: string;
  readonly scan: AcpDriverDeps["scan"];
  create(more?: Partial<AcpDriverDeps>): Driver;
};

/** Steps of the scripted model in the words of each agent's own tools. */
export type AgentTools = {
  readonly shell: (command: string) => Step;
  readonly write: (path: string, content: string) => Step;
  readonly host: (name: string, input: Readonly<Record<string, unknown>>) => Step;
};

export const toolsOf: Readonly<Record<RealAgent, AgentTools>> = {
  opencode: {
    shell: (command) => ({ tool: "bash", input: { command, description: "test" } }),
    write: (filePath, content) => ({ tool: "write", input: { filePath, content } }),
    host: (name, input) => ({ tool: `signalbox_${name}`, input }),
  },
  gemini: {
    shell: (command) => ({ tool: "run_shell_command", input: { command, description: "test" } }),
    write: (path, content) => ({ tool: "write_file", input: { file_path: path, content } }),
    host: (name, input) => ({ tool: `mcp_signalbox_${name}`, input }),
  },
};

const silent: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

export async function createAcpStage(name: RealAgent): Promise<AcpStage> {
  await using rollback = new AsyncDisposableStack();
  const home = realpathSync(mkdtempSync(join(tmpdir(), "signalbox-acp-")));
  rollback.defer(() => rmSync(home, { recursive: true, force: true }));
  const workspace = join(home, "workspace");
  mkdirSync(workspace);
  const model = rollback.use(await createModelServer());
  const gateway = rollback.use(await createGeminiGateway(model.baseUrl));
  const known = knownAgents[name];
  if (known === undefined) throw new Error(`no such agent: ${name}`);
  const agent: AcpAgent = {
    ...known,
    command: agentProgram(name),
    args: name === "gemini" ? ["--acp", "--model", "gemini-2.5-flash"] : known.args,
    env: { ...known.env, ...hermetic(name, home, model.baseUrl, gateway.baseUrl) },
  };
  const scan = createScan();
  const drivers = rollback.use(new AsyncDisposableStack());
  let created = 0;
  const create = (more: Partial<AcpDriverDeps> = {}): Driver =>
    drivers.use(
      createAcpDriver({
        agent: { ...agent, env: { ...agent.env, ...laterClock(name, created++) } },
        environment: { PATH: process.env["PATH"] ?? "", HOME: home, TERM: "dumb" },
        tools: [],
        version: "test",
        instance: `test.${process.pid}`,
        scan,
        clock: createSystemClock(),
        log: silent,
        ...more,
      }),
    );
  const driver = create();
  const all = rollback.move();
  return {
    driver,
    workspace,
    home,
    model,
    imagesSeen: () => seenBy(model),
    agent,
    scan,
    create,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/**
 * gemini-cli 0.61 names a session's file by its id and the minute of the agent's start, and empties it when it loads that session: it
 * forgets a session that is loaded within the minute in which it began. So the clock of each driver is a minute later than that of the
 * one before.
 */
function laterClock(name: RealAgent, minutes: number): Readonly<Record<string, string>> {
  if (name !== "gemini" || minutes === 0) return {};
  const ms = minutes * 60_000;
  const shim = `const D=Date;globalThis.Date=class extends D{constructor(...a){a.length?super(...a):super(D.now()+${ms})}};`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(shim)}` };
}

/** Everything of the agent in its temporary home, and nobody called but the scripted model. */
function hermetic(name: RealAgent, home: string, messages: string, gemini: string): Readonly<Record<string, string>> {
  if (name === "gemini") {
    // Its usage statistics have no variable of their own.
    mkdirSync(join(home, ".gemini"));
    writeFileSync(join(home, ".gemini", "settings.json"), '{"privacy":{"usageStatisticsEnabled":false}}');
    return { GEMINI_API_KEY: "test", GOOGLE_GEMINI_BASE_URL: gemini };
  }
  // The catalogue that it brings, of everybody's models, costs each start 2 s of a processor.
  const catalogue = join(home, "models.json");
  const anthropic = {
    id: "anthropic",
    name: "Anthropic",
    npm: "@ai-sdk/anthropic",
    env: ["ANTHROPIC_API_KEY"],
    models: {},
  };
  writeFileSync(catalogue, JSON.stringify({ anthropic }));
  // Of a model that is not said to see, it keeps images away and writes an error into the prompt instead.
  const sees = { attachment: true, modalities: { input: ["text", "image"], output: ["text"] } };
  const models = { "claude-sonnet-4-5": { name: "Sonnet", ...sees }, "claude-haiku-4-5": { name: "Haiku" } };
  return {
    XDG_DATA_HOME: join(home, "data"),
    XDG_CONFIG_HOME: join(home, "config"),
    XDG_STATE_HOME: join(home, "state"),
    XDG_CACHE_HOME: join(home, "cache"),
    OPENCODE_DISABLE_DEFAULT_PLUGINS: "1",
    OPENCODE_MODELS_PATH: catalogue,
    // Else it installs a package from the registry into its configuration's directory at every first start.
    npm_config_offline: "true",
    OPENCODE_CONFIG_CONTENT: JSON.stringify({
      autoupdate: false,
      share: "disabled",
      enabled_providers: ["anthropic"],
      model: "anthropic/claude-sonnet-4-5",
      small_model: "anthropic/claude-haiku-4-5",
      provider: { anthropic: { options: { baseURL: `${messages}/v1`, apiKey: "sk-ant-test" }, models } },
    }),
  };
}

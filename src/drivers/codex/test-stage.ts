/** What a test of the Codex driver stands on: a scripted model on loopback, a home of its own, and the real program. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DriverHarness } from "../../../test/contracts/driver.ts";
import { agentProgram } from "../../../test/agents/programs.ts";
import { seenBy } from "../../../test/model/images.ts";
import { createModelServer } from "../../../test/model/model-server.ts";
import type { ModelServer } from "../../../test/model/model-server.ts";
import type { Driver, Log } from "../../engine/ports.ts";
import { createSystemClock } from "../../lib/clock.ts";
import { createScan } from "../../lib/process-scan.ts";
import { createCodexDriver } from "./driver.ts";
import type { CodexDriverDeps } from "./driver.ts";

export type CodexStage = Omit<DriverHarness, "prompts"> & {
  readonly driver: Driver;
  readonly model: ModelServer;
  readonly environment: Readonly<Record<string, string>>;
  readonly home: string;
  /** The folder of the user's own settings. */
  readonly codexHome: string;
  create(more?: Partial<CodexDriverDeps>): Driver;
  /** Appends to the user's settings. To be called before the first turn. */
  configure(toml: string): void;
};

const silent: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

export async function createCodexStage(): Promise<CodexStage> {
  const home = realpathSync(mkdtempSync(join(tmpdir(), "signalbox-codex-")));
  const workspace = join(home, "workspace");
  const codexHome = join(home, "codex");
  mkdirSync(workspace);
  mkdirSync(codexHome);
  const model = await createModelServer();
  let settings = settingsFor(model.baseUrl);
  const configure = (toml: string): void => {
    settings += toml;
    writeFileSync(join(codexHome, "config.toml"), settings);
  };
  configure("");
  const environment = {
    PATH: process.env["PATH"] ?? "",
    HOME: home,
    CODEX_HOME: codexHome,
    SCRIPTED_MODEL_KEY: "sk-test",
  };
  const drivers = new AsyncDisposableStack();
  const scan = createScan();
  const create = (more: Partial<CodexDriverDeps> = {}): Driver =>
    drivers.use(
      createCodexDriver({
        environment,
        cli: agentProgram("codex"),
        instance: `test.${process.pid}`,
        scan,
        clock: createSystemClock(),
        log: silent,
        ...more,
      }),
    );
  return {
    driver: create(),
    workspace,
    home,
    codexHome,
    model,
    imagesSeen: () => seenBy(model),
    environment,
    create,
    configure,
    async [Symbol.asyncDispose]() {
      await drivers.disposeAsync();
      await model[Symbol.asyncDispose]();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** Writes a user's settings of Codex into a folder, for a model on loopback; returns what finds them. */
export function prepareCodex(folder: string, baseUrl: string): Readonly<Record<string, string>> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "config.toml"), settingsFor(baseUrl));
  return { CODEX_HOME: folder, SCRIPTED_MODEL_KEY: "sk-test" };
}

/** Nothing of it leaves the machine: a provider on loopback, no analytics, no plugins to synchronise, no look for updates. */
function settingsFor(baseUrl: string): string {
  return `
model = "gpt-5.5"
model_provider = "scripted"
check_for_update_on_startup = false
[analytics]
enabled = false
[features]
plugins = false
[model_providers.scripted]
name = "scripted"
base_url = "${baseUrl}/v1"
env_key = "SCRIPTED_MODEL_KEY"
wire_api = "responses"
supports_websockets = false
request_max_retries = 1
stream_max_retries = 1
`;
}

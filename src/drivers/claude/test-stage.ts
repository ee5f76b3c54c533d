/** What a test of the Claude driver stands on: a scripted model on loopback, a home of its own, and the real program. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DriverHarness } from "../../../test/contracts/driver.ts";
import { claudeVariables } from "../../../test/agents/claude-variables.ts";
import { seenBy } from "../../../test/model/images.ts";
import { createModelServer } from "../../../test/model/model-server.ts";
import type { ModelServer } from "../../../test/model/model-server.ts";
import type { Driver, Log } from "../../engine/ports.ts";
import { createSystemClock } from "../../lib/clock.ts";
import { createScan } from "../../lib/process-scan.ts";
import { createClaudeDriver } from "./driver.ts";
import type { ClaudeDriverDeps } from "./driver.ts";

export type ClaudeStage = Omit<DriverHarness, "prompts"> & {
  readonly driver: Driver;
  readonly model: ModelServer;
  readonly environment: Readonly<Record<string, string>>;
  readonly home: string;
  create(more?: Partial<ClaudeDriverDeps>): Driver;
};

const silent: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

export async function createClaudeStage(): Promise<ClaudeStage> {
  const home = realpathSync(mkdtempSync(join(tmpdir(), "signalbox-claude-")));
  const workspace = join(home, "workspace");
  mkdirSync(workspace);
  const model = await createModelServer();
  const environment = {
    PATH: process.env["PATH"] ?? "",
    HOME: home,
    ...claudeVariables(join(home, "config"), model.baseUrl),
  };
  const drivers = new AsyncDisposableStack();
  const scan = createScan();
  const create = (more: Partial<ClaudeDriverDeps> = {}): Driver =>
    drivers.use(
      createClaudeDriver({
        environment,
        cli: null,
        permissions: "bypass",
        settingSources: [],
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
    model,
    imagesSeen: () => seenBy(model),
    environment,
    create,
    async [Symbol.asyncDispose]() {
      await drivers.disposeAsync();
      await model[Symbol.asyncDispose]();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

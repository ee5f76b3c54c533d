/**
 * Agents that were tried with this driver, and what each needs so that it asks before it acts and calls nobody but its model.
 * A configured agent of one of these names starts from here; any other is what its configuration says.
 */
import type { AcpAgent } from "./driver.ts";
import { asked, ownRules } from "./opencode-rules.ts";

export const knownAgents: Readonly<Record<string, AcpAgent>> = {
  opencode: {
    name: "opencode",
    title: "OpenCode",
    command: "opencode",
    args: ["acp"],
    env: {
      OPENCODE_DISABLE_AUTOUPDATE: "1",
      OPENCODE_DISABLE_MODELS_FETCH: "1",
      OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
      OPENCODE_DISABLE_SHARE: "1",
      ...asked,
    },
    ownRules,
    loginRemedy: "Run `opencode auth login` in a terminal on this machine, or set the key of your model's provider.",
    terminal: "opencode --session {session}",
    modes: { plan: "plan" },
  },
  gemini: {
    name: "gemini",
    title: "Gemini CLI",
    command: "gemini",
    // Without a model of its own choosing it asks another model first which one to take.
    args: ["--acp", "--model", "gemini-2.5-pro"],
    env: {
      GEMINI_TELEMETRY_ENABLED: "false",
      // One process instead of two: it would start itself again to set the size of its heap.
      GEMINI_CLI_NO_RELAUNCH: "true",
      // The workspace was chosen by the person; without this no MCP server is started, and so none of our tools.
      GEMINI_CLI_TRUST_WORKSPACE: "true",
    },
    ownRules: null,
    loginRemedy:
      "Run `gemini` in a terminal on this machine and log in, or set GEMINI_API_KEY before starting Signalbox.",
    terminal: "gemini --resume {session}",
    modes: { plan: "plan" },
  },
};

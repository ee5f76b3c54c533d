/**
 * `signalbox link`: a new link to the page of a Signalbox that runs already. It is signed with the secret of the home, which only
 * its owner reads; the running program is only asked whether it is there.
 */
import { join } from "node:path";
import { readConfig } from "./config.ts";
import { ConfigError } from "./config/refusal.ts";
import { newId } from "./lib/ids.ts";
import type { Terminal } from "./lib/log.ts";
import { signLink } from "./web/access.ts";
import { readWebSecret } from "./web/web-secret.ts";

/** The page is on this machine: it answers at once, or not at all. */
const answerMaxMs = 2_000;

/** Resolves with the exit code: 0 printed, 1 no page there, 2 a wrong setting. */
export async function makeLink(terminal: Terminal): Promise<number> {
  try {
    const { home, web } = readConfig();
    if (web === null) return refuse(terminal, "the page is off (SIGNALBOX_WEB=off).");
    const url = `http://${web.host.includes(":") ? `[${web.host}]` : web.host}:${web.port}`;
    if (!(await isThere(url))) {
      return refuse(
        terminal,
        `no page answers on ${url}. Start Signalbox, or give this command the same SIGNALBOX_WEB.`,
      );
    }
    const token = signLink(await readWebSecret(join(home, "web-secret")), newId(), Date.now());
    terminal.out(`${url}/enter?token=${token} (opens once, within 10 minutes)`);
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    terminal.error(`signalbox: ${error.message}`);
    return 2;
  }
}

async function isThere(url: string): Promise<boolean> {
  try {
    // Bound: a program that takes the connection and says nothing is not our page.
    return (await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(answerMaxMs) })).ok;
  } catch {
    return false; // refused, silent, or no page of ours: told by the caller
  }
}

function refuse(terminal: Terminal, line: string): number {
  terminal.error(`signalbox: ${line}`);
  return 1;
}

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Emulator } from "./emulator.ts";

export async function serveSimulation(
  _emulator: Emulator,
  _request: IncomingMessage,
  _response: ServerResponse,
  _url: URL,
): Promise<boolean> {
  return false;
}

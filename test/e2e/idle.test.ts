// What an idle program holds (docs/proof.md, idle memory): nothing that only a visitor of the page or another way to ask Telegram would need.

import { expect, test } from "vitest";
import { createEmulator } from "../emulator/emulator.ts";
import { startBridge } from "./bridge.ts";
import { createHome } from "./home.ts";

/** On SIGUSR2 the program prints which of Node's own modules it has loaded. */
const tellsModules = `data:text/javascript,process.on("SIGUSR2",()=>console.log("LOADED "+process.moduleLoadList.join()))`;

test("an idle program has loaded neither Node's fetch nor what would bring it: Hono's server, node-fetch, an import of node:http", async () => {
  await using emulator = await createEmulator();
  await using home = createHome();
  const env = { SIGNALBOX_WEB: "127.0.0.1:0", NODE_OPTIONS: `--import ${encodeURI(tellsModules)}` };
  await using bridge = await startBridge({ home, emulator, driver: "demo", env });
  bridge.signal("SIGUSR2");
  const [idle] = await bridge.printed(/^LOADED .*$/m);
  expect(idle).toContain("https");
  expect(idle).not.toContain("undici");
  expect(idle).not.toContain("NativeModule zlib");

  // The page comes with its first visitor.
  const page = /^Page: (\S+)/m.exec(bridge.output)?.[1] ?? "";
  expect((await fetch(page, { redirect: "manual" })).status).toBe(302);
});

// The emulator by hand: `node test/emulator/serve.ts [--port N] [--topics] [--rate-limits buckets|strict]`.
//
// Prints what a bot needs to talk to it, and a page on which a person plays Telegram. Ends with SIGINT or SIGTERM.

import { once } from "node:events";
import { parseArgs } from "node:util";
import { createEmulator } from "./emulator.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "8475" },
    topics: { type: "boolean", default: false },
    token: { type: "string" },
    "rate-limits": { type: "string", default: "off" },
  },
});

const rateLimits = values["rate-limits"];
if (rateLimits !== "off" && rateLimits !== "buckets" && rateLimits !== "strict") {
  console.error(`--rate-limits is off, buckets or strict, not ${rateLimits}`);
  process.exit(2);
}

await using emulator = await createEmulator({
  port: Number(values.port),
  privateTopics: values.topics,
  rateLimits,
  ...(values.token === undefined ? {} : { token: values.token }),
});

console.log(`A local Telegram. Open ${emulator.apiRoot}/ to be the person; start the bot with

  TELEGRAM_API_ROOT=${emulator.apiRoot}
  TELEGRAM_BOT_TOKEN=${emulator.token}
  TELEGRAM_ALLOWED_USERS=${emulator.owner.id}
`);

await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);

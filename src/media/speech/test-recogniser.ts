// The process that hears on this machine, with a recogniser that tells what it got instead of hearing it. Its directory says how it behaves.

import { basename } from "node:path";
import { Unheard } from "./samples.ts";
import { serveSpeech } from "./speech-server.ts";

const [kind = ""] = basename(process.argv[2] ?? "").split("-");

serveSpeech(process, async () => {
  if (kind === "unloadable") throw new Unheard("There is no model.", true);
  if (kind === "aborting") {
    process.stderr.write("terminate called\n", () => process.abort());
    await new Promise(() => undefined);
  }
  return {
    async recognise({ values, rate }) {
      if (kind === "hanging") await new Promise(() => undefined);
      if (kind === "environment") return JSON.stringify(process.env);
      return `${process.pid}: ${(values.length / rate).toFixed(0)} s`;
    },
  };
});

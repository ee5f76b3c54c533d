/** A turn that is given no tools of ours. */
import type { HostTools } from "../src/engine/ports.ts";

export const noTools: HostTools = {
  list: [],
  call: (name) => Promise.resolve({ kind: "failed", text: `there is no tool ${name}` }),
};

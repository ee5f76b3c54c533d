import { describe, expect, it } from "vitest";

import { fuzzFormatting } from "./formatting.ts";

/** `npm run fuzz` looks at many more. */
const cases = 3_000;

describe("answers whatever an agent writes", { timeout: 300_000 }, () => {
  it("become messages that Telegram takes as they are, and nothing of them is lost", () => {
    expect(fuzzFormatting({ cases, seed: 1_000_000, findingsMax: 3 })).toEqual([]);
  });
});

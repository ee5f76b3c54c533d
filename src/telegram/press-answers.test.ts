import { describe, expect, it } from "vitest";

import type { Outcome } from "./client.ts";
import { createPressAnswers } from "./press-answers.ts";
import { createRecordedLog } from "./test-ports.ts";

const { signal } = new AbortController();

describe("answers to presses", () => {
  it("leave a few at a time, return at once, and a flood is bounded and told", async () => {
    const gates: PromiseWithResolvers<Outcome<null>>[] = [];
    const log = createRecordedLog();
    const answers = createPressAnswers({
      client: {
        answerPress() {
          const gate = Promise.withResolvers<Outcome<null>>();
          gates.push(gate);
          return gate.promise;
        },
      },
      log,
      signal,
    });
    for (let index = 0; index < 300; index += 1) answers.answer(`query-${index}`, null);
    expect(gates).toHaveLength(8);
    expect(log.lines).toHaveLength(300 - 8 - 200);
    const settled = answers.settled();
    for (let index = 0; index < 208; index += 1) {
      gates[index]?.resolve({ kind: "done", value: null });
      await Promise.resolve();
      while (gates.length <= Math.min(index + 1, 207)) await Promise.resolve();
    }
    await settled;
    expect(gates).toHaveLength(208);
  });

  it("survive an answer that Telegram refuses, and log it", async () => {
    const log = createRecordedLog();
    const outcome: Outcome<null> = {
      kind: "rejected",
      code: 400,
      why: "press-expired",
      description: "query is too old",
    };
    const answers = createPressAnswers({ client: { answerPress: () => Promise.resolve(outcome) }, log, signal });
    answers.answer("old", "Stopping\u2026");
    await answers.settled();
    answers.answer("older", null);
    await answers.settled();
    expect(log.lines.map(({ level }) => level)).toEqual(["warn", "warn"]);
  });
});

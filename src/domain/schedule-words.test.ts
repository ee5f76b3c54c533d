import { describe, expect, test } from "vitest";
import { readDuration, readScheduleCommand } from "./schedule-words.ts";

describe("/cron", () => {
  test.each([
    ["", { kind: "list" }],
    ["list", { kind: "list" }],
    ["show Nightly", { kind: "show", name: "nightly" }],
    ["rm nightly", { kind: "delete", name: "nightly" }],
    ["run nightly", { kind: "run", name: "nightly" }],
    [
      "add every 10m check the build",
      { kind: "add", when: { kind: "every", everyMs: 600_000 }, text: "check the build", options: {} },
    ],
    [
      'add "0 7 * * 1-5" say "good morning" and\nlist the news',
      {
        kind: "add",
        when: { kind: "cron", expression: "0 7 * * 1-5" },
        text: 'say "good morning" and\nlist the news',
        options: {},
      },
    ],
    [
      "add 0 7 * * 1-5 unquoted as well",
      { kind: "add", when: { kind: "cron", expression: "0 7 * * 1-5" }, text: "unquoted as well", options: {} },
    ],
    [
      'add "every 2h" "as a shell passes it"',
      { kind: "add", when: { kind: "every", everyMs: 7_200_000 }, text: "as a shell passes it", options: {} },
    ],
    [
      "add --silent --name=news --mode plan --missed all:6h --limit 30m daily 7:00 --overlap queue read the news",
      {
        kind: "add",
        when: { kind: "cron", expression: "0 7 * * *" },
        text: "read the news",
        options: {
          view: "silent",
          name: "news",
          permissions: "plan",
          missed: { kind: "all", windowMs: 21_600_000 },
          runMsMax: 1_800_000,
          overlap: "queue",
        },
      },
    ],
    [
      "add \u2014silent in 5m what a phone makes of two hyphens",
      {
        kind: "add",
        when: { kind: "in", ms: 300_000 },
        text: "what a phone makes of two hyphens",
        options: { view: "silent" },
      },
    ],
    [
      "add \u2014\u2014silent in 5m what another phone makes of them",
      {
        kind: "add",
        when: { kind: "in", ms: 300_000 },
        text: "what another phone makes of them",
        options: { view: "silent" },
      },
    ],
    [
      "add in 5m npm test --silent",
      { kind: "add", when: { kind: "in", ms: 300_000 }, text: "npm test --silent", options: {} },
    ],
    [
      "add --digest daily 8:00",
      { kind: "add", when: { kind: "cron", expression: "0 8 * * *" }, text: "", options: { work: "digest" } },
    ],
    [
      "edit news when every monday 9:00",
      { kind: "edit", name: "news", when: { kind: "cron", expression: "0 9 * * 1" }, text: null, options: {} },
    ],
    ["edit news text New words", { kind: "edit", name: "news", when: null, text: "New words", options: {} }],
    [
      "edit news --limit none --shown",
      { kind: "edit", name: "news", when: null, text: null, options: { runMsMax: null, view: "shown" } },
    ],
  ])("%s", (typed, expected) => {
    expect(readScheduleCommand(typed)).toEqual(expected);
  });

  test.each([
    ["frobnicate", /There is no \/cron frobnicate/],
    ["add", /needs a time and a text/],
    ["add every 10m", /needs a text/],
    ["add --colour red in 5m x", /There is no option --colour/],
    ["add --mode root in 5m x", /--mode is plan, ask, edit or bypass/],
    ["add --missed later in 5m x", /--missed is/],
    ["add --limit 5s in 5m x", /--limit is how long/],
    ["add --name in 5m", /needs a|is no time/],
    ["add whenever x", /"whenever" is no time/],
    ["edit", /Which one/],
    ["edit news", /What of it/],
    ["edit news when daily 7:00 and more", /no time/],
    ["edit news colour red", /nothing that can be edited/],
    ["show", /Which one/],
    ["show ../../etc", /Which one/],
  ])("%s: what is wrong is said", (typed, why) => {
    const command = readScheduleCommand(typed);
    expect(command.kind === "wrong" ? command.what : command).toMatch(why);
  });
});

test.each([
  ["20m", 1_200_000],
  ["1h30m", 5_400_000],
  ["90 min", 5_400_000],
  ["2 weeks", 1_209_600_000],
  ["0m", null],
  ["m", null],
  ["5", null],
  ["5x", null],
  ["999999d", null],
])("a duration of %s is %s ms", (text, ms) => {
  expect(readDuration(text)).toBe(ms);
});

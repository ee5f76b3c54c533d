import { describe, expect, it } from "vitest";
import { readScheduleCommand } from "./domain/schedule-words.ts";
import { readScheduleOrder, scheduleVerbs, typedOf } from "./schedule-command.ts";

/** As a shell hands them over, and as the running program reads them. */
const read = (...words: readonly string[]) => readScheduleCommand(typedOf("add", words));

const daily = { kind: "cron", expression: "0 7 * * *" };

describe("what the shell took for one word is one again", () => {
  it.each([
    [["daily", "7:00", "Read", "the", "news"], "Read the news"],
    [["daily", "7:00", "Read the news"], "Read the news"],
    [["daily 7:00", "Read the news"], "Read the news"],
    [["daily", "7:00", "am Montag die News"], "am Montag die News"],
    [["daily", "7:00", "--silent is an option"], "--silent is an option"],
    [["daily", "7:00", "two\nlines"], "two\nlines"],
    [["daily", "7:00", 'say "hello" to all'], 'say "hello" to all'],
    [["0 7 * * *", "Read the news"], "Read the news"],
    [["0", "7", "*", "*", "*", "Read the news"], "Read the news"],
  ])("%j", (words, text) => {
    expect(read(...words)).toEqual({ kind: "add", when: daily, text, options: {} });
  });

  it("a directory with a space in it is one value, with an equals sign as well", () => {
    const options = { workspace: "/home/ada/my site", view: "silent" };
    for (const project of [["--project", "/home/ada/my site"], ["--project=/home/ada/my site"]])
      expect(read("--silent", ...project, "daily", "7:00", "Look")).toMatchObject({ kind: "add", options });
  });

  it("an edit keeps its words", () => {
    expect(readScheduleCommand(typedOf("edit", ["news", "text", "--new words of mine"]))).toEqual({
      kind: "edit",
      name: "news",
      when: null,
      text: "--new words of mine",
      options: {},
    });
    expect(readScheduleCommand(typedOf("edit", ["news", "when", "daily 7:00"]))).toMatchObject({ when: daily });
  });

  it("every verb is one that /cron knows", () => {
    for (const verb of scheduleVerbs) {
      const words = verb === "list" ? [] : verb === "add" ? ["daily", "7:00", "x"] : ["news"];
      const command = readScheduleCommand(typedOf(verb, verb === "edit" ? ["news", "--silent"] : words));
      expect(command.kind).toBe(verb === "rm" ? "delete" : verb);
    }
  });
});

describe("what was asked for", () => {
  it("is told apart from our own options, wherever they stand", () => {
    expect(readScheduleOrder(["add", "--conversation", "web:main", "--silent", "daily", "7:00", "x"])).toEqual({
      verb: "add",
      words: ["--silent", "daily", "7:00", "x"],
      conversation: "web:main",
      isJson: false,
    });
    expect(readScheduleOrder(["history", "news", "--json", "--conversation=telegram:7"])).toMatchObject({
      conversation: "telegram:7",
      isJson: true,
    });
    expect(readScheduleOrder([])).toMatchObject({ verb: "list" });
  });

  it.each([
    [["remember"], "unknown: remember"],
    [["add"], "a time and a text"],
    [["show"], "the name of a schedule"],
    [["pause", "one", "two"], "one name"],
    [["list", "all"], "takes no all"],
    [["run", "news", "--json"], "--json is for"],
    [["show", "news", "--conversation"], "--conversation needs"],
  ])("%j is no command, and says why", (args, why) => {
    expect(readScheduleOrder(args)).toContain(why);
  });
});

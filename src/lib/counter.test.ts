import { expect, test } from "vitest";
import { createCounter } from "./counter.ts";

test("each combination of labels has a number of its own, in the order in which they came", () => {
  const counter = createCounter<{ readonly fruit: string; readonly colour: string }>();
  counter.add({ fruit: "plum", colour: "blue" });
  counter.add({ fruit: "apple", colour: "red" }, 2.5);
  counter.add({ fruit: "plum", colour: "yellow" });
  counter.add({ fruit: "plum", colour: "blue" });
  expect(counter.read()).toEqual([
    { labels: { fruit: "plum", colour: "blue" }, value: 2 },
    { labels: { fruit: "apple", colour: "red" }, value: 2.5 },
    { labels: { fruit: "plum", colour: "yellow" }, value: 1 },
  ]);
});

test("two counters share nothing", () => {
  const [one, other] = [createCounter(), createCounter()];
  one.add({});
  expect([one.read(), other.read()]).toEqual([[{ labels: {}, value: 1 }], []]);
});

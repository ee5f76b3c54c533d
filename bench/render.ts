/**
 * How long the program is busy with an answer before it can be sent: Markdown of an agent's kind, drawn and cut into messages, in a warm
 * process. A long answer goes as a file after its beginning: no more of it is drawn than is shown. Nothing else happens meanwhile, so this is
 * also how long a stop may wait for it.
 */
import type { RunId } from "../src/domain/run.ts";
import { compose } from "../src/telegram/message-parts.ts";
import { renderMarkdown } from "../src/telegram/markdown.ts";
import { atMost, type Figure, type Section } from "./figure.ts";
import { spreadOf } from "./spread.ts";

const rounds = 120;
/** The first rounds compile. */
const warmUpRounds = 20;

export const render: Section = {
  name: "render",
  title: "an answer into messages, warm",
  async measure(say) {
    const sizes = [100_000, 14_000, 3_500] as const;
    return sizes.map((size): Figure => {
      say(`render: ${size} characters`);
      const targets = size === 100_000 ? [atMost("p99", 20)] : [];
      const name = `${size / 1_000} kB of Markdown into ${partsOf(answerOf(size))} messages`;
      return { name, unit: "ms", spread: spreadOf(times(answerOf(size))), beside: [], targets };
    });
  },
};

function times(text: string): readonly number[] {
  const all = Array.from({ length: rounds + warmUpRounds }, () => {
    const begin = performance.now();
    partsOf(text);
    return performance.now() - begin;
  });
  return all.slice(warmUpRounds);
}

function partsOf(text: string): number {
  const body = { kind: "answer" as const, run: "bench" as RunId, text };
  return compose(body, { live: null, copy: null, nowMs: 0, renderMarkdown })?.length ?? 0;
}

const section = `## What was changed

The **parser** reads \`tokens\` and writes [entities](https://example.com/a_(b)). Some _more_ words follow here, to make a paragraph of the
length that agents write, with \`src/a.ts:12\` in it.

- one item with \`code\`
- another, with **bold**
  - and one inside of it

\`\`\`ts
const a = compute(1, 2);
if (a > 3) {
  console.log(a);
}
\`\`\`

| name | value |
|------|------:|
| a    | 1     |
| b    | 2     |

`;

function answerOf(size: number): string {
  return section.repeat(Math.ceil(size / section.length)).slice(0, size);
}

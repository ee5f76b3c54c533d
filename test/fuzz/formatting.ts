/** Many random answers, each drawn, cut and judged. A case is known by its seed: `npm run fuzz -- --seed 17 --cases 1`. */
import { createRandom } from "./random.ts";
import { type MarkdownCase, randomMarkdown } from "./random-markdown.ts";
import { createJudge, type Judge } from "./verdict.ts";

export type Finding = { readonly seed: number; readonly source: string; readonly faults: readonly string[] };

/** The cases of the seeds from `seed` on. Ends early at `findingsMax`: more of the same tell nothing. `progressed` gets the cases done, and what the last one found. */
export function fuzzFormatting(
  { cases, seed, findingsMax }: { readonly cases: number; readonly seed: number; readonly findingsMax: number },
  progressed: (done: number, found: Finding | null) => void = () => {},
): readonly Finding[] {
  const judge = createJudge();
  const findings: Finding[] = [];
  for (let done = 0; done < cases && findings.length < findingsMax; done += 1) {
    const random = createRandom(seed + done);
    const one = randomMarkdown(random);
    const cutAt = 20 + random.int(random.chance(0.5) ? 60 : 1_000);
    const faults = judge(one, cutAt);
    const found = faults.length === 0 ? null : smallest(judge, one, cutAt, seed + done);
    if (found !== null) findings.push(found);
    progressed(done + 1, found);
  }
  return findings;
}

/** What a person waits for, at most, to see a finding in fewer words. */
const triesMax = 1_000;

/** The case with everything taken out that its fault does not need. */
function smallest(judge: Judge, one: MarkdownCase, cutAt: number, seed: number): Finding {
  let { source } = one;
  let faults = judge(one, cutAt);
  const kind = kindOf(faults);
  let tries = 0;
  for (let size = Math.ceil(source.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < source.length && tries < triesMax; tries += 1) {
      const shorter = source.slice(0, at) + source.slice(at + size);
      const found = judge({ source: shorter, words: null }, cutAt);
      if (found.length > 0 && kindOf(found) === kind) {
        source = shorter;
        faults = found;
      } else at += size;
    }
  }
  return { seed, source, faults };
}

function kindOf([first = ""]: readonly string[]): string {
  return first.replace(/\d+|".*"|: .*/gs, "");
}

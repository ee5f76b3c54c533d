/**
 * The only pages without a cookie: they say how to get in. Plain HTML, no script; everything in them is ours.
 */
export type GateReason = "link-invalid" | "not-signed-in" | "not-built";

const texts: Record<
  GateReason,
  { readonly title: string; readonly lines: readonly string[]; readonly isRetryUseful: boolean }
> = {
  "link-invalid": {
    title: "This link opens nothing any more",
    lines: [
      "A link works once, and for ten minutes. This one was used already, is older, or is incomplete.",
      "For a new one, run `signalbox link` on the machine that Signalbox runs on (in a checkout: npm run cli -- link).",
    ],
    isRetryUseful: false,
  },
  "not-signed-in": {
    title: "This browser is not signed in",
    lines: [
      "Signalbox lets in the browser that opened the link in its terminal, and no other.",
      "If you have just opened that link, continue. Otherwise run `signalbox link` on the machine that Signalbox runs on (in a checkout: npm run cli -- link).",
    ],
    isRetryUseful: true,
  },
  "not-built": {
    title: "The page is not built",
    lines: ["Signalbox works, but the files of its page are missing.", "Start it with npm start, which builds them."],
    isRetryUseful: false,
  },
};

export function gatePage(reason: GateReason): string {
  const { title, lines, isRetryUseful } = texts[reason];
  const body = lines.map((line) => `<p>${line}</p>`).join("");
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} \u2013 Signalbox</title>
<link rel="stylesheet" href="/gate.css">
<main><p class="brand">Signalbox</p><h1>${title}</h1>${body}${isRetryUseful ? '<p><a href="/">Continue</a></p>' : ""}</main>
</html>
`;
}

export const gateStyle = `:root{color-scheme:light dark;--paper:#f5f3ee;--ink:#20242a;--quiet:#575d66;--accent:#175c46}
@media (prefers-color-scheme:dark){:root{--paper:#15181c;--ink:#e7e5e0;--quiet:#a3a9b2;--accent:#7fcfae}}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--paper);color:var(--ink);
font:1rem/1.6 system-ui,sans-serif}
main{max-width:34rem;padding:2rem}
.brand{color:var(--quiet);letter-spacing:.02em}
h1{font-size:1.5rem;line-height:1.25}
a{color:var(--accent);font-weight:600}
a:focus-visible{outline:3px solid var(--accent);outline-offset:3px}
`;

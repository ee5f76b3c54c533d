/** A unified diff in colours; each line keeps its sign, so that the colour only repeats it. */
import { useMemo, useState } from "preact/hooks";

import { type DiffFile, readDiff } from "./diff-lines.ts";
import { Seen } from "./seen.tsx";

/** What was changed, file by file. Nothing of it is drawn before it is opened: a live run changes it often. */
export function Changes({ diff }: { diff: string | null }) {
  const [isOpen, setOpen] = useState(false);
  const files = useMemo(() => readDiff(diff ?? ""), [diff]);
  if (files.length === 0) return null;
  return (
    <details class="changes" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        {files.length === 1 ? "Changes in 1 file" : `Changes in ${files.length} files`} <Counts files={files} />
      </summary>
      {isOpen && files.map((file, index) => <FileChange key={index} path={file.path ?? "(no name)"} file={file} />)}
    </details>
  );
}

export function FileChange({ path, file }: { path: string; file: DiffFile }) {
  return (
    <div class="diff">
      <p class="diff-head">
        <code>
          <Seen text={path} />
        </code>{" "}
        <Counts files={[file]} />
      </p>
      {/* It scrolls, so the keyboard must reach it. */}
      <pre tabIndex={0} role="group" aria-label={`Diff of ${path}`}>
        <code class="diff-lines">
          {file.lines.map(({ kind, text }, index) => (
            <span key={index} class={`diff-line diff-${kind}`}>
              <Seen text={text} />
              {"\n"}
            </span>
          ))}
        </code>
      </pre>
    </div>
  );
}

function Counts({ files }: { files: readonly DiffFile[] }) {
  const added = files.reduce((sum, file) => sum + file.added, 0);
  const removed = files.reduce((sum, file) => sum + file.removed, 0);
  return (
    <span class="diff-counts">
      <span class="diff-plus">+{added}</span> <span class="diff-minus">{`\u2212${removed}`}</span>
    </span>
  );
}

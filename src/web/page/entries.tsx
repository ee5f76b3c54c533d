/** What was said in a conversation: by the person, by the agent, and by Signalbox. */
import type { ItemState } from "../../domain/inbox-item.ts";
import { visibleText } from "../../lib/visible.ts";
import type { Entry } from "../wire.ts";
import { AskCard } from "./ask-card.tsx";
import { Buttons } from "./buttons.tsx";
import { ClockMark } from "./clock-mark.tsx";
import { ContextFill } from "./context-fill.tsx";
import { Changes } from "./diff.tsx";
import { Markdown } from "./markdown.tsx";
import type { Model } from "./model.ts";
import { conversationPath } from "./request.ts";
import { Tool, usageFacts } from "./run-card.tsx";
import { Origin } from "./origin.tsx";
import { Seen, SeenWords } from "./seen.tsx";
import { clockTime, duration, fileSize } from "./time.ts";

export function EntryView({ model, entry }: { model: Model; entry: Entry }) {
  switch (entry.kind) {
    case "said":
      return <Said model={model} entry={entry} />;
    case "answer":
      return (
        <article class="answer" aria-label="Answer">
          <Origin name={entry.origin} />
          <Markdown text={entry.markdown} />
        </article>
      );
    case "summary":
      return <Summary entry={entry} />;
    case "notice":
      return (
        <div class={`notice tone-${entry.tone} notice-${entry.notice}`}>
          <Origin name={entry.origin} />
          <p class="notice-text">
            {entry.notice === "from-agent" && <span class="tag">agent</span>}
            <SeenWords text={entry.text} />
          </p>
          {entry.buttons.map((row, index) => (
            <Buttons key={index} model={model} buttons={row} about={entry.text} />
          ))}
        </div>
      );
    case "ask":
      return <AskCard model={model} entry={entry} />;
    case "file":
      return <SentFile model={model} entry={entry} />;
    default:
      return entry satisfies never;
  }
}

function SentFile({ model, entry }: { model: Model; entry: Entry & { kind: "file" } }) {
  const conversation = model.view.value?.conversation ?? "";
  const name = visibleText(entry.name);
  return (
    <article class="file" aria-label={`File ${name}`}>
      <Origin name={entry.origin} />
      <p class="file-name">
        <Seen text={entry.name} /> <span class="file-size">{fileSize(entry.bytes)}</span>
      </p>
      <a
        class="file-save"
        href={`${conversationPath(conversation)}/files/${encodeURIComponent(entry.file)}`}
        download={entry.name}
        aria-label={`Save ${name}`}
      >
        Save
      </a>
      {entry.caption !== null && (
        <p class="file-caption">
          <SeenWords text={entry.caption} />
        </p>
      )}
    </article>
  );
}

function Said({ model, entry }: { model: Model; entry: Entry & { kind: "said" } }) {
  const note = stateNotes[entry.state];
  if (entry.by !== "person") {
    const words = [...(entry.by === "schedule-now" ? ["run now"] : []), ...(note === "" ? [] : [note])];
    return (
      <article class="fired" aria-label="Schedule">
        <ClockMark label="Schedule " />
        <p>
          {[entry.text.replace(/^\u23F0 /, ""), ...words, clockTime(entry.atMs, model.nowMs.peek())].join(" \u00B7 ")}
        </p>
      </article>
    );
  }
  return (
    <article class={`said ${entry.isCommand ? "said-command" : ""}`} aria-label="You">
      <p class="said-text">
        {entry.isInterrupt && <span class="tag">instead</span>}
        {entry.text}
      </p>
      <p class="said-note">
        {note === "" || entry.isCommand ? "" : `${note} \u00B7 `}
        {clockTime(entry.atMs, model.nowMs.peek())}
      </p>
    </article>
  );
}

const stateNotes: Record<ItemState | "stopped", string> = {
  queued: "in line",
  held: "on hold",
  running: "",
  done: "",
  failed: "failed",
  interrupted: "interrupted",
  cancelled: "cancelled",
  stopped: "stopped",
  rejected: "not accepted",
  merged: "given to the running turn",
};

function Summary({ entry }: { entry: Entry & { kind: "summary" } }) {
  const parts = [`${outcomeLabels[entry.outcome]} ${duration(entry.durationMs)}`];
  if (entry.toolCount > 0) parts.push(entry.toolCount === 1 ? "1 tool" : `${entry.toolCount} tools`);
  parts.push(...usageFacts(entry.usage));
  const line = parts.join(" \u00B7 ");
  const hasDetails = entry.tools.length > 0 || entry.notices.length > 0 || entry.context !== null;
  return (
    <div class={`summary summary-${entry.outcome}`}>
      <Origin name={entry.origin} />
      {entry.text !== "" && (
        <article class="answer answer-partial" aria-label="Unfinished answer">
          <Markdown text={entry.text} />
        </article>
      )}
      {hasDetails ? (
        <details>
          <summary>{line}</summary>
          <ContextFill context={entry.context} />
          <ol class="tools">
            {entry.toolCount > entry.tools.length && (
              <li class="tools-earlier">{entry.toolCount - entry.tools.length} earlier</li>
            )}
            {entry.tools.map((tool) => (
              <Tool key={tool.id} tool={tool} />
            ))}
          </ol>
          {entry.notices.map((notice, index) => (
            <p key={index} class="run-notice">
              {notice}
            </p>
          ))}
        </details>
      ) : (
        <p class="summary-line">{line}</p>
      )}
      <Changes diff={entry.diff} />
    </div>
  );
}

const outcomeLabels: Record<(Entry & { kind: "summary" })["outcome"], string> = {
  finished: "Finished in",
  failed: "Failed after",
  stopped: "Stopped after",
  preempted: "Made room after",
  interrupted: "Interrupted after",
  quarantined: "Not proven stopped after",
};

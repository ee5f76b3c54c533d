/** The form of a schedule: what is usual needs a time and a text, the rest stands behind "More". What is typed as a time is checked as it is typed. */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";

import type { ScheduleCheck, ScheduleView } from "../wire.ts";
import type { Model } from "./model.ts";
import { draftOf, emptyDraft, type ScheduleDraft, typedAdd, typedEdit } from "./schedule-typed.ts";
import { ToldNote } from "./schedule-told.tsx";

type Change = (changes: Partial<ScheduleDraft>) => void;

export function AddForm({ model }: { model: Model }) {
  const { schedules } = model;
  const draft = schedules.draft.value;
  const homes = schedules.view.value?.homes ?? [];
  const home = homes.some(({ conversation }) => conversation === draft.home) ? draft.home : homes[0]?.conversation;
  const [wrong, setWrong] = useState<string | null>(null);
  const submit = async (): Promise<void> => {
    const typed = typedAdd(draft);
    if (typed.kind === "wrong" || home === undefined) return setWrong(typed.kind === "wrong" ? typed.what : null);
    setWrong(null);
    if ((await schedules.order(home, typed.lines, null)) === "not-done") return;
    schedules.keepDraft({ ...emptyDraft, home: draft.home });
    schedules.close();
  };
  return (
    <Form model={model} title="New schedule" verb="Add schedule" wrong={wrong} submit={submit}>
      <Fields
        model={model}
        draft={draft}
        change={(changes) => schedules.keepDraft({ ...draft, ...changes })}
        home={home ?? ""}
        old={null}
      />
    </Form>
  );
}

export function EditForm({ model, schedule }: { model: Model; schedule: ScheduleView }) {
  const { schedules } = model;
  // As it stood when the form was opened: what changes meanwhile is not undone by it.
  const [before] = useState(() => draftOf(schedule));
  const [draft, setDraft] = useState(before);
  const [wrong, setWrong] = useState<string | null>(null);
  const submit = async (): Promise<void> => {
    const typed = typedEdit(schedule.name, before, draft);
    if (typed.kind === "wrong") return setWrong(typed.what);
    setWrong(null);
    if ((await schedules.order(schedule.home, typed.lines, schedule)) === "done") schedules.close();
  };
  return (
    <Form model={model} title={`Edit ${schedule.name}`} verb="Save" wrong={wrong} submit={submit}>
      <Fields
        model={model}
        draft={draft}
        change={(changes) => setDraft({ ...draft, ...changes })}
        home={schedule.home}
        old={schedule}
      />
    </Form>
  );
}

function Form({
  model,
  title,
  verb,
  wrong,
  submit,
  children,
}: {
  model: Model;
  title: string;
  verb: string;
  wrong: string | null;
  submit: () => Promise<void>;
  children: ComponentChildren;
}) {
  const { schedules } = model;
  const told = schedules.told.value;
  return (
    <form
      class="schedule schedule-form"
      aria-label={title}
      onSubmit={(event) => {
        event.preventDefault();
        void submit(); // never rejects
      }}
    >
      <h3>{title}</h3>
      {children}
      {wrong !== null && (
        <p class="field-wrong" role="alert">
          {wrong}
        </p>
      )}
      {told !== null && <ToldNote model={model} told={{ ...told, text: told.text.split("\n\n")[0] ?? "" }} />}
      <div class="buttons">
        <button type="submit" class="send">
          {verb}
        </button>
        <button type="button" onClick={() => schedules.open({ kind: "nothing" })}>
          Cancel
        </button>
      </div>
    </form>
  );
}

// ---------------------------------------------------------------- fields

type FieldsProps = {
  readonly model: Model;
  readonly draft: ScheduleDraft;
  readonly change: Change;
  readonly home: string;
  /** Null: it is a new one. */
  readonly old: ScheduleView | null;
};

function Fields(props: FieldsProps) {
  const { model, draft, change, home, old } = props;
  const homes = model.schedules.view.value?.homes ?? [];
  const texts = { prompt: "What the agent is to do", reminder: "What you are to be told", digest: "" };
  return (
    <>
      <WhenField {...props} />
      {old === null && (
        <fieldset class="field-kinds">
          <legend>What happens then</legend>
          {kinds.map(({ kind, label }) => (
            <label key={kind}>
              <input type="radio" name="kind" checked={draft.kind === kind} onChange={() => change({ kind })} />
              {label}
            </label>
          ))}
        </fieldset>
      )}
      {draft.kind !== "digest" && (
        <Field label={texts[draft.kind]}>
          {(id) => (
            <textarea
              id={id}
              rows={3}
              value={draft.text}
              onInput={(event) => change({ text: event.currentTarget.value })}
            />
          )}
        </Field>
      )}
      {old === null && (
        <Select
          label="Belongs to"
          note="Its results are told there."
          value={home}
          options={homes.map(({ conversation, name, channel }) => [
            conversation,
            channel === "telegram" && !name.startsWith("Telegram") ? `${name} (Telegram)` : name,
          ])}
          choose={(value) => change({ home: value })}
        />
      )}
      <details class="field-more">
        <summary>More</summary>
        <More {...props} />
      </details>
    </>
  );
}

const kinds = [
  { kind: "prompt", label: "An agent works" },
  { kind: "reminder", label: "You are reminded; no agent runs" },
  { kind: "digest", label: "A digest of the day before; no agent runs" },
] as const;

function More({ model, draft, change, home, old }: FieldsProps) {
  const homeZone = model.schedules.view.value?.homes.find(({ conversation }) => conversation === home)?.zone ?? "";
  const text =
    (key: keyof ScheduleDraft) =>
    (value: string): void =>
      change({ [key]: value });
  return (
    <div class="field-grid">
      {old === null && (
        <Text label="Name" note="Made of the text, unless you give one." value={draft.name} choose={text("name")} />
      )}
      <Text
        label="Time zone"
        placeholder={homeZone}
        note="Like Europe/Berlin."
        value={draft.zone}
        choose={text("zone")}
        list={zones()}
      />
      <Select
        label="Missed while Signalbox was off"
        value={draft.missed}
        options={[
          ["latest", "only the newest runs"],
          ["skip", "skipped"],
          ["all", "all of a time run"],
        ]}
        choose={text("missed")}
      />
      {draft.missed === "all" && (
        <Text label="All of the last" note="Like 6h or 2d." value={draft.missedWindow} choose={text("missedWindow")} />
      )}
      {draft.kind === "prompt" && <OfAgents draft={draft} text={text} old={old} />}
    </div>
  );
}

function OfAgents({
  draft,
  text,
  old,
}: {
  draft: ScheduleDraft;
  text: (key: keyof ScheduleDraft) => (value: string) => void;
  old: ScheduleView | null;
}) {
  const isOwn = draft.session !== "conversation";
  const works = old?.works ?? null;
  return (
    <>
      <Select
        label="You see"
        value={draft.view}
        options={[
          ["shown", "each run"],
          ["silent", "only its notices and repeated failures"],
        ]}
        choose={text("view")}
      />
      <Select
        label="Due while it still runs"
        value={draft.overlap}
        options={[
          ["skip", "skipped"],
          ["queue", "one waits"],
        ]}
        choose={text("overlap")}
      />
      <Select
        label="Session"
        value={draft.session}
        options={[
          ["own", "its own"],
          ["conversation", "the conversation\u2019s"],
          ["named", "one that several share"],
        ]}
        choose={text("session")}
      />
      {isOwn && (
        <Select
          label="A run remembers"
          value={draft.memory}
          options={[
            ["kept", "those before it"],
            ["fresh", "nothing: each begins anew"],
          ]}
          choose={text("memory")}
        />
      )}
      {draft.session === "named" && (
        <Text label="Name of the session" value={draft.sessionName} choose={text("sessionName")} />
      )}
      <Select
        label="May do without asking"
        value={draft.mode}
        options={[
          ...(old === null ? ([["", "like the conversation, never bypass"]] as const) : []),
          ["plan", "plan: reads and proposes"],
          ["ask", "ask: asks before commands and edits"],
          ["edit", "edit: edits freely, asks for the rest"],
          ["bypass", "bypass: never asks"],
        ]}
        choose={text("mode")}
      />
      {isOwn && (
        <>
          <Text
            label="Agent"
            placeholder={works?.driver ?? "like the conversation"}
            value={draft.agent}
            choose={text("agent")}
          />
          <Text
            label="Model"
            placeholder={works?.model ?? "the agent\u2019s default"}
            value={draft.model}
            choose={text("model")}
          />
          <Text
            label="Directory"
            placeholder={works?.workspace ?? "like the conversation"}
            value={draft.project}
            choose={text("project")}
          />
        </>
      )}
      <Text
        label="A run may take"
        placeholder="no limit of its own"
        note="Like 30m or 2h."
        value={draft.limit}
        choose={text("limit")}
      />
    </>
  );
}

// ---------------------------------------------------------------- the time

const whenExamples = ["daily 7:00", "weekdays 8:30", "every 2h", "every monday 9:00", "tomorrow 9:00", "in 20m"];
/** Typing pauses this long before what was typed is checked. */
const checkAfterMs = 200;

function WhenField({ model, draft, change, home, old }: FieldsProps) {
  const box = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => {
    // A phone would open its keyboard over the form.
    if (window.matchMedia("(pointer: fine)").matches) box.current?.focus({ preventScroll: true });
  }, []);
  const check = useCheck(model, draft, home, old);
  const id = useId();
  return (
    <div class="field">
      <label for={id}>When</label>
      <input
        ref={box}
        id={id}
        type="text"
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        placeholder="daily 7:00"
        aria-describedby={`${id}-note`}
        aria-invalid={check?.kind === "wrong"}
        value={draft.when}
        onInput={(event) => change({ when: event.currentTarget.value })}
      />
      {draft.when.trim() === "" ? (
        <p id={`${id}-note`} class="field-examples">
          {whenExamples.map((example) => (
            <button key={example} type="button" class="small" onClick={() => change({ when: example })}>
              {example}
            </button>
          ))}
          <span class="field-note">
            or a cron expression: <code>0 7 * * 1-5</code>
          </span>
        </p>
      ) : (
        <div id={`${id}-note`} class="field-check" role="status">
          {check !== null && <Checked check={check} />}
        </div>
      )}
    </div>
  );
}

function Checked({ check }: { check: ScheduleCheck }) {
  if (check.kind === "wrong") return <p class="field-wrong">{check.what}</p>;
  const [first, ...rest] = check.times;
  return (
    <p class="field-right">
      <strong>{check.when}</strong> ({check.zone}).{first !== undefined && ` Next: ${first.said}`}
      {rest.length > 0 && (
        <span class="field-times">
          {rest.map(({ atMs, said }) => (
            <span key={atMs}>{said}</span>
          ))}
        </span>
      )}
    </p>
  );
}

/** What the server says of the time as it is typed; null: nothing yet. */
function useCheck(model: Model, { when, zone }: ScheduleDraft, home: string, old: ScheduleView | null) {
  const [check, setCheck] = useState<ScheduleCheck | null>(null);
  const isOld = old !== null && when === old.typed && zone === old.zone;
  useEffect(() => {
    if (when.trim() === "") return setCheck(null);
    if (isOld) return setCheck(standing(old));
    let isNewest = true;
    const body = { conversation: home, when, zone: zone.trim() === "" ? null : zone.trim() };
    // Pacing: not every key is worth a question.
    const timer = setTimeout(() => {
      // Never rejects. What cannot be asked now is told when it is sent.
      void model.schedules.check(body).then((answer) => {
        if (isNewest) setCheck(answer.kind === "ok" ? answer.value : null);
      });
    }, checkAfterMs);
    return () => {
      isNewest = false;
      clearTimeout(timer);
    };
  }, [model, when, zone, home, isOld]);
  return check;
}

/** As it is, nothing has to be asked. */
function standing({ when, zone, times }: ScheduleView): ScheduleCheck {
  return { kind: "right", when, zone, times };
}

// ---------------------------------------------------------------- parts

function Field({
  label,
  note = null,
  children,
}: {
  label: string;
  note?: string | null;
  children: (id: string) => ComponentChildren;
}) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children(id)}
      {note !== null && <span class="field-note">{note}</span>}
    </div>
  );
}

function Text({
  label,
  note = null,
  value,
  placeholder = "",
  choose,
  list = [],
}: {
  label: string;
  note?: string | null;
  value: string;
  placeholder?: string;
  choose: (value: string) => void;
  list?: readonly string[];
}) {
  return (
    <Field label={label} note={note}>
      {(id) => (
        <>
          <input
            id={id}
            type="text"
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            placeholder={placeholder}
            list={list.length === 0 ? undefined : `${id}-list`}
            value={value}
            onInput={(event) => choose(event.currentTarget.value)}
          />
          {list.length > 0 && (
            <datalist id={`${id}-list`}>
              {list.map((one) => (
                <option key={one} value={one} />
              ))}
            </datalist>
          )}
        </>
      )}
    </Field>
  );
}

function Select({
  label,
  note = null,
  value,
  options,
  choose,
}: {
  label: string;
  note?: string | null;
  value: string;
  options: readonly (readonly [value: string, label: string])[];
  choose: (value: string) => void;
}) {
  return (
    <Field label={label} note={note}>
      {(id) => (
        <select id={id} value={value} onChange={(event) => choose(event.currentTarget.value)}>
          {options.map(([one, words]) => (
            <option key={one} value={one}>
              {words}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** Those that this browser knows; the server may know others. */
function zones(): readonly string[] {
  return Intl.supportedValuesOf("timeZone");
}

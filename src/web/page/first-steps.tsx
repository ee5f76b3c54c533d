/** What a new thread shows: where it will work, what to try, and the three things to know. */
import type { Model } from "./model.ts";

const demoSuggestions = ["run 30", "count to 200", "run 60 stubborn"];

const suggestions = [
  "What is in this directory? Give me a short tour.",
  "Write a small script that prints the ten largest files here, and run it.",
  "Find something in this project that could be simpler, and propose a change.",
];

export function FirstSteps({ model }: { model: Model }) {
  const overview = model.overview.value;
  if (overview === null) return null;
  const directories = [...new Set(overview.lanes.map(({ workspace }) => workspace))];
  return (
    <div class="first">
      <h2>What should be done?</h2>
      <p class="first-lead">
        Write below, and {overview.agent.isDemo ? "the demo agent" : overview.agent.name} works on it on this machine.
        You watch it live, and stop it whenever you want.
      </p>
      {overview.agent.isDemo && (
        <div class="notice tone-warning">
          <p class="notice-text">
            <strong>This is the demo agent.</strong> It starts real processes that only sleep, and changes nothing. To
            connect a real one, install Claude Code, run <code>claude</code> once to log in, then restart Signalbox.
          </p>
        </div>
      )}
      <ul class="suggestions" aria-label="Suggestions">
        {(overview.agent.isDemo ? demoSuggestions : suggestions).map((text) => (
          <li key={text}>
            <button
              type="button"
              onClick={() => {
                model.draft.value = text;
                document.getElementById("composer")?.focus();
              }}
            >
              {text}
            </button>
          </li>
        ))}
      </ul>
      <p class="field">
        <label for="workspace">Directory</label>
        <input
          id="workspace"
          type="text"
          list="directories"
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          placeholder={overview.workspaceDefault}
          value={model.workspace.value}
          onInput={(event) => (model.workspace.value = event.currentTarget.value)}
        />
        <datalist id="directories">
          {directories.map((path) => (
            <option key={path} value={path} />
          ))}
        </datalist>
        <span class="field-note">Where the agent works in this thread. Leave it empty for the default one.</span>
      </p>
      <dl class="know">
        <div>
          <dt>One run at a time</dt>
          <dd>Keep writing while it works: your messages wait in line, in order, and survive a restart.</dd>
        </div>
        <div>
          <dt>Stop means stopped</dt>
          <dd>
            The Stop button, <kbd>Esc</kbd> <kbd>Esc</kbd>, or the word stop. {"\u201cStopped\u201d"} is said when
            nothing of the run is left.
          </dd>
        </div>
        <div>
          <dt>Change of plan</dt>
          <dd>
            Begin with <kbd>!</kbd> to stop what runs and do this instead. <kbd>/help</kbd> lists the commands.
          </dd>
        </div>
      </dl>
    </div>
  );
}

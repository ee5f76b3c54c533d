/**
 * What can go wrong with a run, as the person who waits for it needs to know it. Adapters classify foreign errors into
 * this union once, by code and type; nothing else in the program looks at a foreign error.
 */

export type Fault =
  | { readonly kind: "agent-missing"; readonly agent: string; readonly remedy: string }
  | { readonly kind: "agent-not-logged-in"; readonly agent: string; readonly remedy: string }
  | { readonly kind: "agent-died"; readonly agent: string; readonly detail: string }
  | { readonly kind: "agent-error"; readonly agent: string; readonly detail: string }
  /** `what` completes "does not support". */
  | { readonly kind: "unsupported"; readonly agent: string; readonly what: string }
  | { readonly kind: "model-refused"; readonly status: number; readonly detail: string }
  | { readonly kind: "rate-limited"; readonly resetsAtMs: number | null }
  | { readonly kind: "quota-exhausted"; readonly resetsAtMs: number | null }
  | { readonly kind: "overloaded" }
  /** Nothing was heard of the agent for this long, while no tool ran and nobody was asked. */
  | { readonly kind: "stalled"; readonly agent: string; readonly silentMs: number }
  /** A limit that the person set for one run; `value` in minutes or US dollars. */
  | { readonly kind: "limit-reached"; readonly limit: "time" | "cost"; readonly value: number }
  | { readonly kind: "model-unreachable" }
  | { readonly kind: "workspace-missing"; readonly path: string }
  | { readonly kind: "workspace-not-writable"; readonly path: string }
  | { readonly kind: "workspace-locked"; readonly path: string }
  | { readonly kind: "internal"; readonly detail: string };

/** The longest foreign text that a fault carries, in UTF-16 units: enough for an error's head, small enough for a chat. */
export const faultDetailCharsMax = 500;

/** One or two sentences: what happened and what to do. What was kept is said by the notice around it. */
export function describeFault(fault: Fault): string {
  switch (fault.kind) {
    case "agent-missing":
      return `${fault.agent} was not found on this machine. ${fault.remedy}`;
    case "agent-not-logged-in":
      return `${fault.agent} is not logged in, or its key was refused. ${fault.remedy}`;
    case "agent-died":
      return `${fault.agent} ended unexpectedly (${fault.detail}). The next message starts it again and resumes the session.`;
    case "agent-error":
      return `${fault.agent} reported an error: ${fault.detail}`;
    case "unsupported":
      return `${fault.agent} does not support ${fault.what}.`;
    case "model-refused":
      return `The model service refused the request (HTTP ${fault.status}): ${fault.detail}`;
    case "rate-limited":
      return `The model service is limiting requests${until(fault.resetsAtMs)}. Try again later.`;
    case "quota-exhausted":
      return `The usage limit of this account is reached${until(fault.resetsAtMs)}.`;
    case "overloaded":
      return "The model service is overloaded. Try again in a minute.";
    case "stalled":
      return `${fault.agent} was silent for ${Math.round(fault.silentMs / 60_000)} minutes while nothing ran, and was stopped.`;
    case "limit-reached":
      return fault.limit === "time"
        ? `The run reached its limit of ${fault.value} minutes and was stopped. Its session is kept; write on to continue.`
        : `The run reached its limit of ${fault.value} USD and was stopped. Its session is kept; write on to continue.`;
    case "model-unreachable":
      return "The model service could not be reached. Check the network of the machine that Signalbox runs on.";
    case "workspace-missing":
      return `The workspace directory ${fault.path} does not exist. Create it, or change SIGNALBOX_WORKSPACE and restart.`;
    case "workspace-not-writable":
      return `The workspace directory ${fault.path} cannot be written. Change its permissions, or choose another one.`;
    case "workspace-locked":
      return `Another Signalbox on this machine is working in ${fault.path}. Wait until it is done there, then run again.`;
    case "internal":
      return `Something inside Signalbox failed: ${fault.detail}`;
    default:
      fault satisfies never;
      return "";
  }
}

function until(resetsAtMs: number | null): string {
  return resetsAtMs === null ? "" : ` until ${new Date(resetsAtMs).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

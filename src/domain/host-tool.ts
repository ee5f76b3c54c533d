/**
 * A tool that Signalbox gives to the agent. Its calls act for the run that made them and for nothing else.
 */

/** `input` is a JSON Schema (draft 2020-12) of type object, in the part that all agents understand: properties, required, enum, items. */
export type HostTool = {
  readonly name: string;
  readonly description: string;
  readonly input: Readonly<Record<string, unknown>>;
};

/** The words that the agent gets back. */
export type HostToolResult = { readonly kind: "ok" | "failed"; readonly text: string };

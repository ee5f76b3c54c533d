/** A model of an agent's live catalogue, and a person's choice from it. */

export type AgentModel = {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  /** How hard it may be told to think, weakest first; empty where that cannot be chosen. */
  readonly efforts: readonly string[];
  readonly isDefault: boolean;
};

/** `effort` null: the model's own. */
export type ModelChoice = { readonly id: string; readonly effort: string | null };

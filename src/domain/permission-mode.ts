/**
 * How much an agent may do without asking. plan: it reads and proposes; ask: it asks before each command and edit that its own rules do
 * not allow; edit: it edits files of the workspace freely and asks for the rest; bypass: it never asks.
 */
export type PermissionMode = "plan" | "ask" | "edit" | "bypass";

/** From the most careful to the freest. */
export const permissionModes: readonly PermissionMode[] = ["plan", "ask", "edit", "bypass"];

export function parsePermissionMode(text: string): PermissionMode | null {
  return permissionModes.find((mode) => mode === text.trim().toLowerCase()) ?? null;
}

export function describePermissions(mode: PermissionMode): string {
  switch (mode) {
    case "plan":
      return "plan: the agent reads and proposes, and changes nothing";
    case "ask":
      return "ask: the agent asks before commands and edits that its own rules do not allow";
    case "edit":
      return "edit: the agent edits files in the workspace freely, and asks before the rest";
    case "bypass":
      return "bypass: the agent never asks";
    default:
      return mode satisfies never;
  }
}

/**
 * What Codex may do without asking, in its own two words: when it asks, and what its sandbox lets through.
 *
 * `ask`: everything that is not known to only read, and that the user's own rules do not allow, is asked. `edit`: what stays in the
 * workspace's sandbox is free, whatever would leave it is asked. The user's settings of the workspace's sandbox (further roots, network)
 * count in both. Both are said at every turn, because a thread keeps what the turn before it was told.
 */
import type { PermissionMode } from "../../domain/permission-mode.ts";
import type { WireConfig } from "./decode.ts";

export function permissionsOf(mode: PermissionMode, sandbox: WireConfig["sandbox"]): object {
  const workspace = { type: "workspaceWrite", ...sandbox };
  const reviewed = { approvalsReviewer: "user" };
  switch (mode) {
    case "plan":
      return { ...reviewed, approvalPolicy: "never", sandboxPolicy: { type: "readOnly", networkAccess: false } };
    case "ask":
      return { ...reviewed, approvalPolicy: "untrusted", sandboxPolicy: workspace };
    case "edit":
      return { ...reviewed, approvalPolicy: "on-request", sandboxPolicy: workspace };
    case "bypass":
      return { ...reviewed, approvalPolicy: "never", sandboxPolicy: { type: "dangerFullAccess" } };
    default:
      return mode satisfies never;
  }
}

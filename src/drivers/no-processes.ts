/** The pool of a driver that keeps no processes. */
import type { PoolCounts } from "../engine/ports.ts";

export const noProcesses: PoolCounts = { live: 0, idle: 0, takenWarm: 0, takenPrepared: 0, started: 0 };

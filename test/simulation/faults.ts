/**
 * What the world does to the program, by name. A sweep counts the seeds that met each: one that no seed of a large sweep meets is a
 * hole in the simulation, and fails the sweep.
 */
export const faults = [
  // agents
  "an agent hangs",
  "an agent ignores the request to stop",
  "an agent ignores terminate",
  "a process outlives SIGKILL",
  "an agent cannot start",
  "an agent dies at work",
  "an agent ends without a word",
  "an agent's events break off",
  "an agent talks after its end",
  "an agent ends twice",
  "an agent lingers after its end",
  "an agent leaves a task behind",
  "an agent is proven gone before its last word",
  "an agent finishes although it was stopped",
  "an agent goes on after its run was released",
  "a steer comes too late",
  "a directory is refused",
  "an orphan of a crash lives on",
  // asks
  "an agent asks a person",
  "an agent asks by a tool of ours",
  "an agent withdraws what it asked",
  "an agent asks again",
  "an answer comes too late",
  "an ask that is closed is answered",
  "an ask is answered in another conversation",
  "an ask is answered by words",
  "an ask is open when its run is stopped",
  "an ask is open when its run is replaced",
  "an ask is open at a crash",
  "an ask is open in a quarantine",
  "a tool of ours is called by a turn that was told to stop",
  "a tool of ours is called after its run was released",
  // choices
  "an agent cannot be consulted",
  "an agent does not hear a consultation",
  "a consultation is given up",
  "a crash cuts a consultation",
  "a shutdown cuts a consultation",
  // further attempts
  "a run is tried again",
  "a run is tried a third time",
  "a turn that was cut is tried again",
  "a run is stopped between two attempts",
  "a run is replaced between two attempts",
  "a crash between two attempts",
  "a run fails because it was silent",
  "a run reaches a limit",
  // updates
  "an update comes again",
  "an update comes again after a crash",
  "updates come out of order",
  "a button is pressed again",
  "a button is pressed in another conversation",
  // messages
  "the chat refuses for a while (429)",
  "the chat's answer is lost",
  "a message is lost on its way",
  "the chat is blocked",
  // the store
  "a decision is not committed",
  "due fails before its commit",
  "due fails after its commit",
  "begin fails before its commit",
  "begin fails after its commit",
  "sent fails before its commit",
  "sent fails after its commit",
  "again fails before its commit",
  "again fails after its commit",
  "end fails before its commit",
  "end fails after its commit",
  "sentAs fails before its commit",
  "sentAs fails after its commit",
  "recover fails before its commit",
  "recover fails after its commit",
  "a settlement throws by itself",
  "a settlement throws by itself at the boot",
  // messages that are not whole
  "the parts of a message come out of order",
  "a part joins what was whole",
  "a part comes after its whole has begun",
  "a part joins what is on hold",
  "a message that is not whole is put on hold",
  "a message that is not whole is cancelled",
  "a message is not whole at a crash",
  "messages that are not whole are joined on hold",
  "what people write is collected",
  "a message is handed to the running turn unasked",
  "a message interrupts unasked",
  "a fetch hangs",
  "a file cannot be had for now",
  "a file cannot be had for good",
  "a file arrives when its message waits no more",
  "a message runs without a file",
  "nothing is left of a message",
  "a fetch is repeated after a restart",
  "a shutdown cuts a fetch",
  "a stop is spoken",
  "a stop of everything is spoken",
  "an interrupt is spoken",
  "what was heard has to be confirmed",
  "what was heard is corrected",
  "an edit of what waits",
  "an edit of what is on hold",
  "an edit of a part",
  "an edit of what runs",
  "an edit of what is over",
  "an edit that comes before its message",
  // the end of a life
  "a crash between two steps",
  "a crash inside a transaction",
  "a crash before a commit",
  "a crash after a commit, before its news",
  "a crash while an agent works",
  "a crash while a run stops",
  "a crash during the boot",
  "a crash during a shutdown",
  "an orderly shutdown",
  "a program that was succeeded goes on writing",
  // the fence
  "a settled run writes late",
  "a released run writes late, after the next one began",
  "an earlier owner of a live run writes late",
  // time
  "the wall clock jumps forward",
  "the wall clock jumps days ahead",
  "the wall clock jumps back",
  "the wall clock jumps hours back",
  // background work
  "background work waits behind a person's message",
  "background work runs",
] as const;

export type Fault = (typeof faults)[number];

/** Tells that a seed met a fault; the same one may be told often. */
export type Meet = (fault: Fault) => void;

/** In how many seeds each was met. */
export type Met = Readonly<Record<Fault, number>>;

/** So many seeds meet every fault; fewer need not. */
export const everyFaultBy = 2_000;

/**
 * Files that come with a message: as the channel names them before anything is fetched (`SentFile`), and as they are once they lie on
 * this machine and were read (`Attachment`). What the agent gets of each is decided in agent-prompt.ts.
 */

export type FileKind = "photo" | "voice" | "audio" | "video" | "document";

/**
 * Where the bytes are, and what the sender's client says of them: nothing of it is verified. `source` is the channel's own name for
 * the file and is read by that channel alone; `message` orders the files of an album. `bytes` and `seconds` are null where they are not said.
 */
export type SentFile = {
  readonly kind: FileKind;
  readonly source: string;
  readonly message: string;
  readonly name: string | null;
  readonly mediaType: string | null;
  readonly bytes: number | null;
  readonly seconds: number | null;
};

/**
 * `path` is absolute and the agent may read it; `name` is cleaned (T6) and safe to show; `mediaType` is what the bytes say, as far as they do.
 */
export type Attachment = {
  readonly kind: FileKind;
  readonly name: string;
  readonly path: string;
  readonly mediaType: string;
  readonly bytes: number;
  readonly content: AttachmentContent;
};

export type AttachmentContent =
  /** Given to the model as an image too. */
  | { readonly kind: "image" }
  /** What is said in a voice message, an audio file, a video. */
  | { readonly kind: "speech"; readonly text: string }
  /** `about` names what it is in a few words ("PDF, 12 pages"); `isWhole` false: the excerpt is its beginning. In UTF-16 units, bounded. */
  | { readonly kind: "text"; readonly about: string; readonly excerpt: string; readonly isWhole: boolean }
  /** Passed on as a file alone; `about` says why nothing of it is shown ("a scanned PDF without text, 3 pages"). */
  | { readonly kind: "opaque"; readonly about: string };

/**
 * Why a file is not there, as sentences for the person. `again`: another try may work (a network, a missing program); else it never will
 * (too large, empty, broken, refused).
 */
export type FileRefusal = { readonly why: string; readonly again: boolean };

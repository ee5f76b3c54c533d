/**
 * Files that come in, from the channel's name for one to what a prompt says of it: fetched into the area, read by what it is, heard where
 * it is sound.
 *
 * 1. Resolves, never rejects: what goes wrong is a sentence for the person, with whether another try may work.
 * 2. What is refused leaves nothing on the disk. What is only not understood stays, for the agent to look at.
 * 3. T13: too large is refused before a byte is fetched where that is known, and while they come where it is not.
 */
import type { Attachment, FileKind, SentFile } from "../domain/attachment.ts";
import { type ChannelName, channelOf, type ConversationId } from "../domain/conversation.ts";
import type { FetchFile, FileRefused, FileSink, IncomingFiles, Log } from "../engine/ports.ts";
import { type FileArea, type ReceivedFile, tooLarge } from "./file-area.ts";
import { cleanName } from "./file-name.ts";
import type { FileReader, ReadingAhead } from "./reading.ts";
import { speechIsOff, type Transcriber } from "./speech/transcriber.ts";

export type IncomingDeps = {
  readonly area: FileArea;
  readonly reader: FileReader;
  /** A channel that brings no files has none. */
  readonly fetchers: Readonly<Partial<Record<ChannelName, FetchFile>>>;
  /** Null where no speech recognition is set up. */
  readonly transcribe: Transcriber["transcribe"] | null;
  readonly log: Log;
};

type ReadFile = { readonly kind: "read"; readonly attachment: Attachment };

/** Telegram hands out no larger file to a bot (telegram.md, section 2), and a page's upload is held to the same. */
export const incomingBytesMax = 20 * 1024 * 1024;

export function createIncoming({ area, reader, fetchers, transcribe, log }: IncomingDeps): IncomingFiles {
  async function read(
    sent: SentFile,
    conversation: ConversationId,
    signal: AbortSignal,
  ): Promise<ReadFile | FileRefused> {
    if (sent.bytes === 0) return { kind: "refused", why: "The file is empty.", again: false };
    if (sent.bytes !== null && sent.bytes > incomingBytesMax) return tooLarge(incomingBytesMax);
    if (sent.kind === "voice" && transcribe === null) return { kind: "refused", ...speechIsOff };
    const fetchFile = fetchers[channelOf(conversation)];
    if (fetchFile === undefined)
      return { kind: "refused", why: "Files of this channel cannot be fetched.", again: false };
    const name = sent.name ?? namelessAs[sent.kind];
    using ahead = reader.begin({ name: cleanName(name), mediaType: sent.mediaType });
    const received = await area.receive(conversation, { kind: sent.kind, name }, incomingBytesMax, (sink) => {
      ahead.expect(sent.bytes);
      const watched: FileSink = (bytes) => {
        ahead.see(bytes);
        return sink(bytes);
      };
      return fetchFile(sent.source, incomingBytesMax, watched, signal);
    });
    if (received.kind === "refused") return received;
    let isKept = false;
    try {
      const looked = await look(sent, received.file, ahead, conversation, signal);
      isKept = looked.kind === "read";
      return looked;
    } finally {
      if (!isKept) await area.remove(conversation, received.file.id);
    }
  }

  async function look(
    sent: SentFile,
    file: ReceivedFile,
    ahead: ReadingAhead,
    conversation: ConversationId,
    signal: AbortSignal,
  ): Promise<ReadFile | FileRefused> {
    const answer = await ahead.read(file.path, (work) => area.unpack(conversation, file, work), signal);
    switch (answer.kind) {
      case "refused":
        return answer;
      case "content":
        if (sent.kind === "voice") return { kind: "refused", why: "The voice message is damaged.", again: false };
        return attached(file, answer.mediaType, answer.content);
      case "sound":
        return await listen(sent, file, answer.mediaType, signal);
      default:
        return answer satisfies never;
    }
  }

  /** A voice message is nothing without its words; every other sound is a file that an agent can work on. */
  async function listen(
    { kind, seconds }: SentFile,
    file: ReceivedFile,
    mediaType: string,
    signal: AbortSignal,
  ): Promise<ReadFile | FileRefused> {
    const what = mediaType.startsWith("video/") ? "a video" : "a sound recording";
    if (transcribe === null)
      return attached(file, mediaType, { kind: "opaque", about: `${what}; transcription is not set up` });
    const heard = await transcribe(file.path, { mediaType, seconds }, signal);
    if (heard.kind === "said") return attached(file, mediaType, { kind: "speech", text: heard.text });
    if (kind === "voice" || heard.again) return heard;
    return attached(file, mediaType, { kind: "opaque", about: `${what} without a transcript: ${heard.why}` });
  }

  return {
    async read(file, conversation, signal) {
      try {
        return await read(file, conversation, signal);
      } catch (error) {
        log.error({ error }, "a file that came in could not be taken");
        return { kind: "refused", why: "Signalbox could not take the file.", again: true };
      }
    },
    list: (conversation) => area.list(conversation),
    remove: (conversation, id) => area.remove(conversation, id),
  };
}

/** As the formats that Telegram sends such files in. */
const namelessAs: Readonly<Record<FileKind, string>> = {
  photo: "photo.jpg",
  voice: "voice.ogg",
  audio: "audio",
  video: "video.mp4",
  document: "file",
};

function attached(file: ReceivedFile, mediaType: string, content: Attachment["content"]): ReadFile {
  const { kind, name, path, bytes } = file;
  return { kind: "read", attachment: { kind, name, path, mediaType, bytes, content } };
}

// The methods that send files, one by one and as an album (F7, F8).
//
// Sizes and shapes as the server judges them: TDLib looks at the size of a photo before it looks at the picture.

import { randomInt } from "node:crypto";
import type { Message } from "grammy/types";
import { badRequest, BotApiError } from "./bot-api-error.ts";
import type { BotMethods, Call } from "./bot-methods.ts";
import type { BotWorld } from "./bot-world.ts";
import type { MessageContent } from "./chats.ts";
import type { FileFolder } from "./files.ts";
import { imageSize } from "./image-size.ts";
import { mediaAgain, mediaContent, mediaShapes, type MediaDetails, type MediaKind } from "./media.ts";
import { createSending, type CaptionParams, type Parcel, type SendParams } from "./sending.ts";

const uploadBytesMax = 50 * 1024 * 1024;
const photoBytesMax = 10 * 1024 * 1024;
const photoSidesSumMax = 10_000;
const photoRatioMax = 20;
const albumItemsMax = 10;

/** Kinds that stay among themselves in an album; photos and videos mix. */
const homogeneous: ReadonlySet<string> = new Set(["document", "audio"]);

/** As the server calls the types of files. */
const typeNames: { readonly [folder in FileFolder]: string } = {
  photos: "Photo",
  documents: "Document",
  voice: "VoiceNote",
  music: "Audio",
  videos: "Video",
  video_notes: "VideoNote",
  animations: "Animation",
  stickers: "Sticker",
  thumbnails: "Thumbnail",
};

/**
 * What the servers behind the Bot API say of a picture when it is there already. The rest of its album is sent all the same, and the answer
 * tells of the first that was not (seen by users: rubenlagus/TelegramBots issue 1520).
 */
const oddShape = "PHOTO_INVALID_DIMENSIONS";
const refusedByServers = `Bad Request: ${oddShape}`;

interface Refused {
  readonly refused: BotApiError;
}

interface AlbumItem extends CaptionParams {
  readonly type: "photo" | "video" | "document" | "audio" | "live_photo";
  readonly media: unknown;
}

export function mediaMethods(world: BotWorld): BotMethods {
  const { access, files, mutations } = world;
  const { formatCaption, send, sendAll } = createSending(world);

  function checkPhoto(bytes: Uint8Array): void {
    const size = bytes.byteLength;
    if (size > photoBytesMax && !mutations.has("oversize-photo-accepted")) {
      const limit = `the maximum size is ${photoBytesMax} bytes`;
      throw badRequest(`file of size ${size} bytes is too big for a photo; ${limit}`, "file");
    }
    const shape = imageSize(bytes);
    if (shape === undefined || mutations.has("odd-photo-accepted")) return;
    const [short, long] = [Math.min(shape.width, shape.height), Math.max(shape.width, shape.height)];
    if (short + long > photoSidesSumMax || short === 0 || long / short > photoRatioMax) {
      throw badRequest(oddShape, "file");
    }
  }

  /** An upload, or the id of a file that was there before. Throws BotApiError. */
  function mediaFor(given: unknown, kind: MediaKind, call: Call, details: MediaDetails = {}): MessageContent {
    const field = uploadField(given);
    if (field === undefined) {
      const file = files.find(String(given));
      if (file === undefined) throw badRequest("wrong file identifier/HTTP URL specified", "file");
      const fits = file.folder === mediaShapes[kind].folder || (kind === "photo" && file.folder === "thumbnails");
      if (!fits)
        throw badRequest(
          `can't use file of type ${typeNames[file.folder]} as ${typeNames[mediaShapes[kind].folder]}`,
          "file",
        );
      return mediaAgain(files, kind, file);
    }
    const upload = call.uploads.get(field);
    if (upload === undefined) throw badRequest(`there is no ${kind} in the request`, "file");
    const { name, mimeType, bytes } = upload;
    if (bytes.byteLength === 0) throw badRequest("file must be non-empty", "file");
    if (bytes.byteLength > uploadBytesMax && !mutations.has("oversize-upload-accepted")) {
      throw new BotApiError(413, "Request Entity Too Large", "file");
    }
    if (kind === "photo") checkPhoto(bytes);
    return mediaContent(files, kind, { folder: mediaShapes[kind].folder, name, mimeType, bytes }, details);
  }

  function sendOne(kind: MediaKind, given: unknown, params: SendParams & CaptionParams & MediaParams, call: Call) {
    access.chat(params.chat_id);
    const caption = formatCaption(params);
    return send(params, caption, mediaFor(given, kind, call, detailsOf(params)));
  }

  function parcelOf(item: AlbumItem, index: number, call: Call, marks: Partial<Message>): Parcel | Refused {
    if (item.type === "live_photo") {
      throw new BotApiError(501, "Not Implemented: live photos are not modelled", "unmodelled");
    }
    const field = uploadField(item.media);
    if (field !== undefined && !call.uploads.has(field)) {
      throw badRequest("can't parse InputMedia: media not found", "file");
    }
    const formatted = formatCaption(item);
    try {
      return { formatted, content: mediaFor(item.media, item.type, call), marks };
    } catch (error) {
      if (!(error instanceof BotApiError) || error.description !== refusedByServers) throw error;
      const why = `failed to send message #${index + 1} with the error message "${oddShape}"`;
      return { refused: badRequest(why, error.rule) };
    }
  }

  return {
    sendDocument: (params, call) => sendOne("document", params.document, params, call) as Message.DocumentMessage,
    sendPhoto: (params, call) => sendOne("photo", params.photo, params, call) as Message.PhotoMessage,
    sendVoice: (params, call) => sendOne("voice", params.voice, params, call) as Message.VoiceMessage,
    sendAudio: (params, call) => sendOne("audio", params.audio, params, call) as Message.AudioMessage,
    sendVideo: (params, call) => sendOne("video", params.video, params, call) as Message.VideoMessage,
    sendAnimation: (params, call) => sendOne("animation", params.animation, params, call) as Message.AnimationMessage,
    sendMediaGroup(params, call) {
      access.chat(params.chat_id);
      const items: readonly AlbumItem[] = params.media;
      if (items.length === 0) throw badRequest("there are no messages to send", "file");
      if (items.length > albumItemsMax && !mutations.has("album-of-eleven-accepted")) {
        throw badRequest("too many messages to send as an album", "file");
      }
      const loner = items.find((item) => homogeneous.has(item.type))?.type;
      if (loner !== undefined && items.some((item) => item.type !== loner) && !mutations.has("album-mixes-anything")) {
        throw badRequest(`${loner} can't be mixed with other media types`, "file");
      }
      // One item is no album: the server sends it as a plain message.
      const marks = items.length === 1 ? {} : { media_group_id: `139${randomInt(1_000_000_000, 2_000_000_000)}` };
      const parcels = items.map((item, index) => parcelOf(item, index, call, marks));
      const whole = parcels.flatMap((parcel) => ("refused" in parcel ? [] : [parcel]));
      const [refused] = parcels.flatMap((parcel) => ("refused" in parcel ? [parcel.refused] : []));
      if (refused !== undefined && mutations.has("album-all-or-nothing")) throw refused;
      const sent = whole.length === 0 ? [] : sendAll(params, whole);
      if (refused !== undefined) throw refused;
      return sent as Awaited<ReturnType<NonNullable<BotMethods["sendMediaGroup"]>>>;
    },
  };
}

/** The part of the request that holds the file: decoded before, or `attach://name` inside an album. */
function uploadField(given: unknown): string | undefined {
  if (typeof given === "object" && given !== null && "upload" in given) return String(given.upload);
  if (typeof given === "string" && given.startsWith("attach://")) return given.slice("attach://".length);
  return undefined;
}

interface MediaParams {
  readonly duration?: number;
  readonly width?: number;
  readonly height?: number;
  readonly title?: string;
  readonly performer?: string;
}

function detailsOf({ duration, width, height, title, performer }: MediaParams): MediaDetails {
  return {
    durationSeconds: duration ?? 0,
    ...(width === undefined ? {} : { width }),
    ...(height === undefined ? {} : { height }),
    ...(title === undefined ? {} : { title }),
    ...(performer === undefined ? {} : { performer }),
  };
}

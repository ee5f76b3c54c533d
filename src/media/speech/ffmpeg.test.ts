import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { expect, test, vi } from "vitest";
import { extractSound } from "./ffmpeg.ts";
import { directory, file, known, never, programDeps, voice } from "./test-sound.ts";
import { waveFormat } from "./wave.ts";

const ffmpeg = "ffmpeg";
const path = process.env["PATH"] ?? "";
const isInstalled = path.split(delimiter).some((one) => existsSync(join(one, ffmpeg)));

/** A PATH on which `ffmpeg` is this shell script. */
function scripted(script: string): Readonly<Record<string, string>> {
  const bin = directory();
  writeFileSync(join(bin, "ffmpeg"), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, "ffmpeg"), 0o700);
  return { PATH: `${bin}${delimiter}${path}` };
}

/** The last argument is "file:" and where the sound goes. */
const lastArgument = 'for last in "$@"; do :; done; out="${last#file:}"';

test("without ffmpeg the person is told what it is needed for, and how to get it", async () => {
  const deps = programDeps({ PATH: directory() });
  await using video = await extractSound("/x.mp4", "wav", known({ mediaType: "video/mp4" }), deps, never);
  expect(video).toMatchObject({
    kind: "refused",
    why: "To hear the sound of a video, ffmpeg is needed, which is not installed (apt install ffmpeg, brew install ffmpeg).",
    again: true,
  });
  await using audio = await extractSound("/x.amr", "wav", known({ mediaType: "audio/amr" }), deps, never);
  expect(audio).toMatchObject({
    why: expect.stringMatching(/sound of the kind audio\/amr, ffmpeg is needed/) as string,
  });
});

test("what was converted lies in a directory of its own, and is removed by whoever used it", async () => {
  const deps = programDeps(scripted(`${lastArgument}; echo sound > "$out"`));
  const converted = await extractSound("/x.mp4", "m4a", known(), deps, never);
  if (converted.kind === "refused") throw new Error(converted.why);
  expect(converted.path).toMatch(/\/sound\.m4a$/);
  expect(readFileSync(converted.path, "utf8")).toBe("sound\n");
  await converted[Symbol.asyncDispose]();
  expect(existsSync(dirname(converted.path))).toBe(false);
});

test("ffmpeg gets the file by a name that is no option and no address, and may open nothing but files", async () => {
  const log = join(directory(), "arguments");
  const deps = programDeps(scripted(`printf '%s\\n' "$@" > ${log}; ${lastArgument}; echo sound > "$out"`));
  await using _converted = await extractSound("/-i http://x.mp4", "wav", known(), deps, never);
  const args = readFileSync(log, "utf8").split("\n");
  const at = args.indexOf("-i");
  expect(args[at + 1]).toBe("file:/-i http://x.mp4");
  expect(args.slice(0, at)).toEqual(
    expect.arrayContaining(["-nostdin", "-protocol_whitelist", "file", "-format_whitelist"]),
  );
});

test.each<[string, string, number, RegExp, again: boolean]>([
  ["fails", "exit 1", 30_000, /There is no sound in the file/, false],
  ["hangs", "sleep 60", 200, /took longer/, true],
  ["writes hours of sound", `${lastArgument}; truncate -s 460900000 "$out"`, 30_000, /longer than four hours/, false],
])("an ffmpeg that %s leaves nothing behind", async (_name, script, patienceMs, why, again) => {
  const deps = programDeps(scripted(script));
  const tmp = directory();
  vi.stubEnv("TMPDIR", tmp);
  await using converted = await extractSound("/x.mp4", "wav", known({ patienceMs }), deps, never);
  expect(converted).toMatchObject({ kind: "refused", why: expect.stringMatching(why) as string, again });
  expect(readdirSync(tmp)).toEqual([]);
});

test.skipIf(!isInstalled)("a real ffmpeg takes the sound out of a video as 16 kHz mono, or as m4a", async () => {
  const video = join(directory(), "v:ideo.mp4");
  const picture = [
    "-f",
    "lavfi",
    "-i",
    "color=black:s=64x64:d=5",
    "-i",
    voice,
    "-c:a",
    "aac",
    "-shortest",
    `file:${video}`,
  ];
  execFileSync(ffmpeg, ["-nostdin", "-v", "error", ...picture]);
  await using sound = await extractSound(video, "wav", known({ mediaType: "video/mp4" }), programDeps(), never);
  if (sound.kind === "refused") throw new Error(sound.why);
  const bytes = readFileSync(sound.path);
  const format = waveFormat(bytes);
  expect(format).toMatchObject({ rate: 16_000, channels: 1, sample: "s16" });
  expect((format?.bytes ?? 0) / 32_000).toBeCloseTo(5, 0);
  await using small = await extractSound(video, "m4a", known({ mediaType: "video/mp4" }), programDeps(), never);
  expect(small.kind === "converted" && readFileSync(small.path).toString("latin1", 4, 11)).toBe("ftypM4A");
});

test.skipIf(!isInstalled)(
  "a real ffmpeg refuses what only points to other files, and a video without sound",
  async () => {
    const playlists = [
      file("a.mp4", `#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10.0,\n${voice}\n#EXT-X-ENDLIST\n`),
      file("b.mp4", `ffconcat version 1.0\nfile ${voice}\n`),
    ];
    const silent = join(directory(), "silent.mp4");
    execFileSync(ffmpeg, ["-nostdin", "-v", "error", "-f", "lavfi", "-i", "color=black:s=64x64:d=1", silent]);
    for (const one of [...playlists, silent]) {
      await using sound = await extractSound(one, "wav", known({ mediaType: "video/mp4" }), programDeps(), never);
      expect(sound).toMatchObject({
        kind: "refused",
        why: expect.stringMatching(/There is no sound/) as string,
        again: false,
      });
    }
  },
);

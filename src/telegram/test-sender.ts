/** The sender as the tests of this folder start it: of what they do not name, nothing happens. */
import { noFiles } from "../../test/no-files.ts";
import { renderMarkdown } from "./markdown.ts";
import { createTelegramOutbox, type OutboxDeps, type TelegramOutbox } from "./outbox.ts";
import { createRecordedLog, noChance } from "./test-ports.ts";

type Named = Pick<OutboxDeps, "client" | "engine" | "outbox" | "clock">;

export function createTestSender(deps: Named & Partial<OutboxDeps>): TelegramOutbox {
  return createTelegramOutbox({
    files: noFiles,
    markdown: () => Promise.resolve(renderMarkdown),
    waiting: () => Promise.resolve(0),
    reacts: () => Promise.resolve(true),
    random: noChance,
    log: createRecordedLog(),
    ...deps,
  });
}

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { newId } from "../../src/lib/ids.ts";
import { openSqliteStore } from "../../src/store/sqlite-store.ts";
import { storeContract } from "./store.ts";

storeContract("SQLite in a file", async () => {
  const directory = mkdtempSync(join(tmpdir(), "store "));
  return {
    open: (now) => openSqliteStore({ path: join(directory, "signalbox.db"), now, newId }),
    [Symbol.asyncDispose]: async () => rmSync(directory, { recursive: true }),
  };
});

storeContract("SQLite in memory", async () => {
  const database = new DatabaseSync(":memory:");
  return {
    open: (now) => openSqliteStore({ database, now, newId }),
    [Symbol.asyncDispose]: async () => database.close(),
  };
});

import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { migrate, migrations } from "./migrations.ts";

function schemaOf(database: DatabaseSync): string[] {
  return database
    .prepare("SELECT type || ' ' || name AS what FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY what")
    .all()
    .map((row) => String(row["what"]));
}

test("a database of the first version keeps its rows and gets the schema of a new one", () => {
  using old = new DatabaseSync(":memory:", { enableForeignKeyConstraints: true });
  old.exec(`${migrations[0] ?? ""}; PRAGMA application_id = 1936287586; PRAGMA user_version = 1`);
  old.exec(`
    INSERT INTO workspace VALUES ('/w', NULL);
    INSERT INTO session (id, conversation, resume, opened_at_ms) VALUES ('s', 'web:a', 'memory', 1), ('unused', 'web:a', NULL, 2);
    INSERT INTO lane VALUES ('web:a', '/w', 0, 's', 1, NULL);
    INSERT INTO inbox VALUES (1, 'k', 'web:a', '1', NULL, 'interactive', 0, 1, '{}', 'running', NULL, 1, 1);
    INSERT INTO run (id, conversation, epoch, item, workspace, session, driver, slot, incarnation, state, started_at_ms)
      VALUES ('r', 'web:a', 1, 1, '/w', 's', 'claude', 1, 1, 'running', 1);
    INSERT INTO outbox VALUES (7, 'web:a', 'web', 'r', NULL, 'd', 'answer', '{}', 'sent', NULL, 1, 0, 0, 1, 0);
  `);
  migrate(old, ":memory:");
  using fresh = new DatabaseSync(":memory:");
  migrate(fresh, ":memory:");
  expect(schemaOf(old)).toEqual(schemaOf(fresh));
  expect(old.prepare("SELECT id, driver FROM session ORDER BY id").all()).toMatchObject([
    { id: "s", driver: "claude" },
    { id: "unused", driver: null },
  ]);
  expect(old.prepare("SELECT id, dedupe FROM outbox").all()).toMatchObject([{ id: 7, dedupe: "d" }]);
  expect(
    old
      .prepare(
        "INSERT INTO outbox SELECT NULL, 'web:a', 'web', 'r', NULL, 'e', 'ask', '{}', 'sent', NULL, 1, 0, 0, 1, 0, 0 RETURNING id",
      )
      .get(),
  ).toMatchObject({ id: 8 });
  expect(old.prepare("PRAGMA integrity_check").get()).toMatchObject({ integrity_check: "ok" });
  expect(old.prepare("PRAGMA foreign_key_check").all()).toEqual([]);
});

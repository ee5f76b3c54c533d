/** Who was let in, and who asks to be: few rows, kept until an owner or the hour ends them. */
import type { ConversationId } from "../domain/conversation.ts";
import type { ItemKey } from "../domain/inbox-item.ts";
import type { Pairing, Person, Role } from "../domain/person.ts";
import type { Access, Tx } from "../engine/ports.ts";
import type { Sql } from "./sql.ts";

type PeopleVerbs = Pick<
  Tx,
  "person" | "people" | "addPerson" | "removePerson" | "pairings" | "addPairing" | "endPairing" | "dropPairings"
>;

export function peopleVerbs(sql: Sql): PeopleVerbs {
  return {
    person: async (user) => sql.get<Person>(`${selectPerson} WHERE user = ?`, user) ?? null,
    people: async () => readPeople(sql),
    addPerson: async (person) => addPerson(sql, person),
    removePerson: async (user) => {
      const person = sql.get<Person>(`${selectPerson} WHERE user = ?`, user);
      sql.run("DELETE FROM person WHERE user = ?", user);
      return person ?? null;
    },
    pairings: async () =>
      sql.all<Pairing & { readonly state: "pending" | "over" }>(
        "SELECT user, name, code, state, asked_at_ms AS askedAtMs FROM pairing ORDER BY asked_at_ms, user",
      ),
    addPairing: async ({ user, name, code, askedAtMs }) => {
      sql.run(
        `INSERT INTO pairing (user, name, code, state, asked_at_ms) VALUES (?, ?, ?, 'pending', ?)
         ON CONFLICT (user) DO UPDATE SET name = excluded.name, code = excluded.code, state = excluded.state,
           asked_at_ms = excluded.asked_at_ms`,
        user,
        name,
        code,
        askedAtMs,
      );
    },
    endPairing: async (user) =>
      sql.run("UPDATE pairing SET state = 'over' WHERE user = ? AND state = 'pending'", user) > 0,
    dropPairings: async (beforeMs) => {
      sql.run("DELETE FROM pairing WHERE asked_at_ms <= ?", beforeMs);
    },
  };
}

const selectPerson = "SELECT user, name, role, admitted_by AS admittedBy, admitted_at_ms AS admittedAtMs FROM person";

function readPeople(sql: Sql): readonly Person[] {
  return sql.all<Person>(`${selectPerson} ORDER BY admitted_at_ms, user`);
}

function addPerson(sql: Sql, { user, name, role, admittedBy, admittedAtMs }: Person): void {
  const values: readonly [string, string, Role, ItemKey, number] = [user, name, role, admittedBy, admittedAtMs];
  sql.run(
    `INSERT INTO person (user, name, role, admitted_by, admitted_at_ms) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (user) DO UPDATE SET name = excluded.name, role = excluded.role, admitted_by = excluded.admitted_by,
       admitted_at_ms = excluded.admitted_at_ms`,
    ...values,
  );
}

export function readAccess(sql: Sql): Access {
  const listening = sql.all<{ conversation: ConversationId }>(
    "SELECT conversation FROM lane WHERE json_extract(settings, '$.listen') = 'all'",
  );
  return { people: readPeople(sql), listening: listening.map(({ conversation }) => conversation) };
}

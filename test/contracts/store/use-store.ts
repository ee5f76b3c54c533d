/** A fresh store per test, with a clock that stands still until it is set. */
import { afterEach, beforeEach } from "vitest";
import type { Store } from "../../../src/engine/ports.ts";
import type { NewDatabase, TestDatabase } from "./kit.ts";

export type StoreInUse = {
  store: Store;
  nowMs: number;
  /** Closes the store and opens its database again. */
  reboot(): Promise<void>;
};

export function useStore(newDatabase: NewDatabase): StoreInUse {
  let database: TestDatabase;
  const inUse = {
    store: undefined as unknown as Store, // set before each test
    nowMs: 100,
    reboot: async () => {
      await inUse.store[Symbol.asyncDispose]();
      inUse.store = await database.open(() => inUse.nowMs);
    },
  };
  beforeEach(async () => {
    database = await newDatabase();
    inUse.nowMs = 100;
    inUse.store = await database.open(() => inUse.nowMs);
  });
  afterEach(async () => {
    await inUse.store[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });
  return inUse;
}

/**
 * What every store must do, whatever database is behind it. An adapter runs `storeContract` in its own test file.
 *
 * Each part names the invariant that it holds; removing the guarantee from an adapter turns its part red.
 */
import { describe } from "vitest";
import { choicesContract } from "./store/choices.ts";
import { claimsContract } from "./store/claims.ts";
import { conservationContract } from "./store/conservation.ts";
import { fencingContract } from "./store/fencing.ts";
import { itemsContract } from "./store/items.ts";
import type { NewDatabase } from "./store/kit.ts";
import { outboxContract } from "./store/outbox.ts";
import { recordsContract } from "./store/records.ts";
import { transactionsContract } from "./store/transactions.ts";

export function storeContract(name: string, newDatabase: NewDatabase): void {
  describe(`store contract: ${name}`, () => {
    transactionsContract(newDatabase);
    itemsContract(newDatabase);
    claimsContract(newDatabase);
    fencingContract(newDatabase);
    recordsContract(newDatabase);
    choicesContract(newDatabase);
    outboxContract(newDatabase);
    conservationContract(newDatabase);
  });
}

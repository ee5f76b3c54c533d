import { acpContract } from "./test-contract.ts";

acpContract("opencode");

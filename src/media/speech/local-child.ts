/** The script of the process that hears on this machine; local.ts starts it with the directory of the model. */
import { loadRecogniser } from "./sherpa.ts";
import { serveSpeech } from "./speech-server.ts";

serveSpeech(process, () => loadRecogniser(process.argv[2] ?? ""));

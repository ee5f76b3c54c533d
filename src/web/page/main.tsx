/** The page's entry: builds the one model, draws it, and starts listening. */
import { render } from "preact";

import { App } from "./app.tsx";
import { createModel } from "./model.ts";
import "./style.css";

const root = document.getElementById("page");
if (root !== null) {
  const model = createModel(window);
  render(<App model={model} />, root);
  model.start();
}

// Builds what a published package ships: JavaScript in dist/ (from tsconfig.build.json) and the page in dist/page.
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

const root = dirname(import.meta.dirname);
const pageConfig = "src/web/page/vite.config.ts";

rmSync(join(root, "dist"), { recursive: true, force: true });
run("node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json");
if (existsSync(join(root, pageConfig))) {
  run("node_modules/vite/bin/vite.js", "build", "--config", pageConfig, "--logLevel", "warn");
}
// npm makes the `bin` executable when it installs; a checkout that runs dist/cli.js directly wants it as well.
const cli = join(root, "dist/cli.js");
if (existsSync(cli)) chmodSync(cli, 0o755);

function run(script: string, ...args: string[]): void {
  execFileSync(process.execPath, [join(root, script), ...args], { cwd: root, stdio: "inherit" });
}

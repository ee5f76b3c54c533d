/**
 * The source of an MCP server, for agents that start a person's own: it answers what a client asks first, notes the pid of each start
 * in the file `log`, and does not end by itself.
 */
export function mcpServer(log: string): string {
  return `
    import { appendFileSync } from "node:fs";
    import { createInterface } from "node:readline";
    appendFileSync(${JSON.stringify(log)}, process.pid + "\\n");
    setInterval(() => undefined, 1000);
    const serverInfo = { name: "helper", version: "1" };
    for await (const line of createInterface({ input: process.stdin })) {
      const { id, method, params } = JSON.parse(line);
      if (id === undefined) continue;
      const initialised = { protocolVersion: params?.protocolVersion, capabilities: { tools: {} }, serverInfo };
      const result = method === "initialize" ? initialised : method === "tools/list" ? { tools: [] } : {};
      process.stdout.write(JSON.stringify({ jsonrpc: "2.0", id, result }) + "\\n");
    }`;
}

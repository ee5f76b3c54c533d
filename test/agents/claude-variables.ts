/** What makes Claude Code ask the scripted model and nobody else: nothing of it leaves the machine. */
export function claudeVariables(configDirectory: string, baseUrl: string): Readonly<Record<string, string>> {
  return {
    ANTHROPIC_BASE_URL: baseUrl,
    ANTHROPIC_API_KEY: "sk-ant-test",
    CLAUDE_CONFIG_DIR: configDirectory,
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    CLAUDE_CODE_MAX_RETRIES: "1",
    DISABLE_TELEMETRY: "1",
    DISABLE_ERROR_REPORTING: "1",
    DISABLE_AUTOUPDATER: "1",
    // Claude Code refuses to skip permissions as root anywhere else.
    IS_SANDBOX: "1",
  };
}

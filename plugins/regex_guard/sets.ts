/** A pattern with the name that findings call it by. */
export interface NamedPattern {
  readonly name: string;
  readonly pattern: string;
}

/**
 * Patterns that come with the plugin. They look for what an attack needs and ordinary talk about the same things does
 * not: commands with their dangerous arguments, quotes broken out of. They are a coarse net, not a proof.
 */
export const sets = {
  shell_injection: [
    {
      name: "shell_remove",
      pattern:
        "(?i)\\brm\\s+(?:--?[a-z-]+\\s+)*(?:-[a-z]*r[a-z]*f|-[a-z]*f[a-z]*r|-r\\s+-f|-f\\s+-r|--no-preserve-root)",
    },
    {
      name: "shell_download_and_run",
      pattern: "(?i)\\b(?:curl|wget|fetch)\\b[^|\\n]*\\|\\s*(?:sudo\\s+)?(?:(?:ba|z|da|k)?sh|python3?|perl)\\b",
    },
    {
      name: "shell_reverse",
      pattern:
        "(?i)/dev/(?:tcp|udp)/[\\w.-]+/\\d|\\bnc(?:at)?\\s+(?:-[a-z]+\\s+(?:\\d+\\s+)?)*-[a-z]*e\\b|\\bsocat\\b[^\\n]*exec:",
    },
    { name: "shell_fork_bomb", pattern: ":\\s*\\(\\)\\s*\\{\\s*:\\s*\\|\\s*:\\s*&\\s*\\}\\s*;\\s*:" },
    {
      name: "shell_overwrite_disk",
      pattern: "(?i)\\bmkfs(?:\\.\\w+)?\\s+/dev/|\\bdd\\s[^\\n]*\\bof=/dev/[a-z]|>\\s*/dev/(?:sd|nvme|hd)[a-z0-9]",
    },
    {
      name: "shell_credentials",
      pattern:
        "(?i)(?:[;&|`(]|\\b(?:cat|less|more|head|tail|cp|scp)\\s)\\s*[^\\n]*(?:/etc/(?:passwd|shadow)\\b|\\.ssh/id_)",
    },
    {
      name: "shell_substitution",
      pattern: "(?im)(?:\\$\\(|`)\\s*(?:curl|wget|nc|bash|sh|whoami|id|uname|cat)\\b[^)`\\n]*[)`]\\s*(?:[;&|]|$|['\"])",
    },
  ],
  sql_injection: [
    { name: "sql_union", pattern: "(?i)['\")\\d]\\s*union\\s+(?:all\\s+)?select\\b" },
    {
      name: "sql_tautology",
      pattern: "(?i)['\")]\\s*(?:or|and)\\s+(?:\\d+\\s*=\\s*\\d|'[^'\\n]*'\\s*=\\s*'|\"[^\"\\n]*\"\\s*=\\s*\"|true\\b)",
    },
    {
      name: "sql_stacked",
      pattern:
        "(?i)['\")\\d]\\s*;\\s*(?:(?:drop|truncate|alter)\\s+(?:table|database|schema)|delete\\s+from|insert\\s+into|update\\s+\\w+\\s+set|shutdown)\\b",
    },
    { name: "sql_comment", pattern: "(?im)\\w'\\s*\\)?\\s*(?:;\\s*--|--\\s*$|;\\s*#|/\\*)" },
    {
      name: "sql_delay",
      pattern:
        "(?i)\\b(?:select|and|or|if)\\s*\\(?\\s*(?:pg_)?sleep\\s*\\(\\s*\\d|\\bwaitfor\\s+delay\\s+['\"]|\\bbenchmark\\s*\\(\\s*\\d{4,}\\s*,",
    },
    {
      name: "sql_files_and_commands",
      pattern: "(?i)\\bxp_cmdshell\\b|\\binto\\s+(?:out|dump)file\\s+['\"]|\\bload_file\\s*\\(\\s*['\"]",
    },
  ],
} as const satisfies Record<string, readonly NamedPattern[]>;

/** A set's name. */
export type SetName = keyof typeof sets;

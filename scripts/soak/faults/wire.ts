/** A wire to Redis in a process of its own, so that it is slow only when it is meant to be. */
import { type SlowWire, slowWire } from "../../../src/limits/redis/testing.ts";

/** Starts it: a process that takes the delay over its standard input, one number a line. */
export async function startWire(port: number): Promise<SlowWire & Disposable> {
  const child = Bun.spawn([process.execPath, import.meta.path, String(port)], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  let delayMs = 0;
  return {
    url: new TextDecoder().decode(value).trim(),
    get delayMs() {
      return delayMs;
    },
    set delayMs(ms) {
      delayMs = ms;
      child.stdin.write(`${ms}\n`);
      child.stdin.flush();
    },
    [Symbol.dispose]: () => child.kill("SIGKILL"),
  };
}

if (import.meta.main) {
  const wire = await slowWire(Number(process.argv[2]));
  process.stdout.write(`${wire.url}\n`);
  for await (const line of console) wire.delayMs = Number(line);
  process.exit(0);
}

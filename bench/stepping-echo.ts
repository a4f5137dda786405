/**
 * An echo provider that writes each event by itself, as providers do, and not all that is ready at once.
 *
 *   bun bench/stepping-echo.ts         one event in each turn of the event loop
 *   bun bench/stepping-echo.ts slow    50 words, one every 100 ms
 */
import { serveEcho } from "../src/providers/echo/serve.ts";

const slow = process.argv[2] === "slow";
const { url } = serveEcho(
  slow
    ? { settings: { tokens: 50, chunkMs: 100 } }
    : { settings: { chunkMs: 1 }, wait: () => new Promise((resolve) => setImmediate(resolve)) },
);
process.stdout.write(`echo ready ${url}\n`);

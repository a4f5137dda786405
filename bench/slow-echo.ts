/** An echo provider whose answers take their time: 50 words, one every 100 ms. */
import { serveEcho } from "../src/providers/echo/serve.ts";

const { url } = serveEcho({ settings: { tokens: 50, chunkMs: 100 } });
process.stdout.write(`echo ready ${url}\n`);

/**
 * The yardstick: a proxy that only forwards. Bun.serve and fetch, as Sluice uses them, and nothing else.
 *
 *   bun bench/proxy.ts UPSTREAM_URL
 */
const upstream = process.argv[2];

const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  idleTimeout: 0,
  async fetch(request) {
    const { pathname, search } = new URL(request.url);
    const answer = await fetch(upstream + pathname + search, {
      method: request.method,
      headers: request.headers,
      body: await request.bytes(),
    });
    return new Response(answer.body, answer);
  },
});
console.log(`ready http://127.0.0.1:${server.port}`);

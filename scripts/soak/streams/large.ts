import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../../src/gateway/e2e-harness.ts";
import { startGateway } from "../reload/gateway.ts";

/** A long answer, and what carrying it did to the gateway's memory. */
export interface LargeResult {
  readonly megabytes: number;
  readonly seconds: number;
  /** How much more memory the gateway had at most while it went through than before, in megabytes. */
  readonly grownMb: number;
  readonly ended: string;
}

const policies = {
  plain: "description: Bodies are bounded.\nuses: request_size\nwith: { max_request_bytes: 1000000 }\n",
  guarded:
    "description: A word that never comes.\nphase: stream\nrules:\n  - { id: never, when: 'event.text.contains(\"never-said\")', then: deny }\n",
};

/**
 * Carries an answer of so many megabytes through a gateway, with nothing that looks at it or with a rule for each event,
 * to a client that reads it all.
 */
export async function carryLarge(megabytes: number, how: keyof typeof policies): Promise<LargeResult> {
  const dir = mkdtempSync(join(tmpdir(), "sluice-large-"));
  const org = join(dir, "policies", "org");
  mkdirSync(org, { recursive: true });
  writeFileSync(join(org, "one.policy.yaml"), policies[how]);
  using upstream = endlessUpstream();
  const config = join(dir, "sluice.config.yaml");
  writeFileSync(config, `providers:\n  openai: { kind: openai, base_url: ${upstream.url}/v1, api_key: none }\n`);
  const gateway = await startGateway(join(dir, "policies"), join(dir, "data"), ["--config", config]);
  try {
    const carry = async (bytes: number, watch?: (resident: number) => void) => {
      const response = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${gateway.key}`, "content-type": "application/json" },
        body: JSON.stringify({
          model: "gpt-4o",
          stream: true,
          max_tokens: bytes,
          messages: [{ role: "user", content: "go" }],
        }),
      });
      let size = 0;
      let last = "";
      for await (const chunk of response.body!) {
        const seen = size;
        size += chunk.length;
        last = Buffer.from(chunk.subarray(-32)).toString();
        if (Math.floor(seen / 2 ** 20) !== Math.floor(size / 2 ** 20)) watch?.((await gateway.memory()) / 2 ** 20);
      }
      return { size, last };
    };
    // What every process needs once it has carried a stream at all is not what is looked for.
    await carry(32 * 2 ** 20);
    // The answer tells no usage and is counted, for which an encoding is loaded that stays.
    const counted = /sluice_tokens_total\{kind="completion"[^}]*\} [1-9]/;
    await until(async () => counted.test(await (await fetch(`${gateway.url}/metrics`)).text()));
    const before = (await gateway.memory()) / 2 ** 20;
    let most = before;
    const from = performance.now();
    const { size, last } = await carry(megabytes * 2 ** 20, (resident) => {
      most = Math.max(most, resident);
    });
    const seconds = (performance.now() - from) / 1000;
    return { megabytes: size / 2 ** 20, seconds, grownMb: most - before, ended: last.trim().split("\n").at(-1) ?? "" };
  } finally {
    await gateway.kill();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Answers with as many bytes of text as `max_tokens` says, as fast as they are read. */
function endlessUpstream(): { readonly url: string } & Disposable {
  const chunk = (content: string) =>
    `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "gpt-4o", choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`;
  const part = Buffer.from(chunk(" and so it went on, as it had before").repeat(100));
  const done = Buffer.from(
    'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-4o","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
  );
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      let left = ((await request.json()) as { max_tokens: number }).max_tokens;
      const stream = new ReadableStream<Uint8Array>({
        pull(controller) {
          left -= part.length;
          controller.enqueue(left > 0 ? part.slice() : done.slice());
          if (left <= 0) controller.close();
        },
      });
      return new Response(stream, { headers: { "content-type": "text/event-stream" } });
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, [Symbol.dispose]: () => void server.stop(true) };
}

/**
 * A load generator on raw sockets, in a process of its own so that it shares no event loop with what it measures.
 *
 *   bun bench/load.ts '{"url":…,"body":…,"headers":…,"connections":32,"seconds":5}'   as fast as answers come
 *   … "rate":1000                                                      so many requests a second, evenly spread
 *   … "requests":200000                                                so many requests in all, instead of seconds
 *   … "firstByte":true                                                 latency is that of the first byte of an answer's body
 *   … "all":true                                                       every latency is told, not only percentiles
 *
 * Prints one JSON line: requests, errors, seconds, latency percentiles in milliseconds. With a rate, latency counts
 * from when a request was due, so that waiting for a busy server shows (no coordinated omission).
 */
import type { Socket } from "bun";

interface Plan {
  readonly url: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: number;
  readonly seconds?: number;
  readonly requests?: number;
  readonly rate?: number;
  readonly firstByte?: boolean;
  readonly all?: boolean;
}

/** What a run measured. */
export interface LoadResult {
  readonly requests: number;
  readonly errors: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
  /** In milliseconds, sorted; where all were asked for. */
  readonly latencies?: readonly number[];
}

interface Connection {
  socket: Socket<undefined> | undefined;
  /** When the request under way was due; 0 when idle. */
  due: number;
  buffer: string;
  /** Bytes of body still to come; -1 while the head is incomplete, -2 for a chunked body. */
  missing: number;
  ok: boolean;
  /** When the first byte of the answer's body came; 0 before it. Its head may come earlier, or with it. */
  began: number;
  hasBody: boolean;
}

async function run(plan: Plan): Promise<LoadResult> {
  const url = new URL(plan.url);
  const message = Buffer.from(
    `POST ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\ncontent-type: application/json\r\n${Object.entries(
      plan.headers,
    )
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join("")}content-length: ${Buffer.byteLength(plan.body)}\r\n\r\n${plan.body}`,
  );
  const latencies: number[] = [];
  const waiting: number[] = [];
  const idle: Connection[] = [];
  let errors = 0;
  let sent = 0;
  let stopped = false;
  const started = performance.now();
  const limit = plan.requests ?? Number.POSITIVE_INFINITY;
  const { promise: finished, resolve: finish } = Promise.withResolvers<void>();

  const send = (connection: Connection, due: number) => {
    sent += 1;
    connection.due = due;
    connection.missing = -1;
    connection.began = 0;
    connection.hasBody = false;
    connection.buffer = "";
    connection.socket?.write(message);
  };
  const answered = (connection: Connection) => {
    latencies.push((plan.firstByte ? connection.began : performance.now()) - connection.due);
    if (!connection.ok) errors += 1;
    connection.due = 0;
    if (latencies.length >= limit) stopped = true;
    if (stopped) return finish();
    if (plan.rate === undefined) {
      if (sent < limit) send(connection, performance.now());
      return;
    }
    const due = waiting.shift();
    if (due === undefined) idle.push(connection);
    else send(connection, due);
  };

  for (let i = 0; i < plan.connections; i += 1) {
    const connection: Connection = {
      socket: undefined,
      due: 0,
      buffer: "",
      missing: -1,
      ok: true,
      began: 0,
      hasBody: false,
    };
    connection.socket = await Bun.connect({
      hostname: url.hostname,
      port: Number(url.port),
      socket: {
        data(_socket, chunk) {
          const whole = read(connection, chunk);
          if (connection.began === 0 && (whole || connection.hasBody)) connection.began = performance.now();
          if (whole) answered(connection);
        },
        close() {
          if (!stopped) {
            errors += 1;
            finish();
          }
        },
      },
    });
    if (plan.rate === undefined) send(connection, performance.now());
    else idle.push(connection);
  }

  if (plan.rate !== undefined) {
    const gap = 1000 / plan.rate;
    let next = performance.now();
    const pace = setInterval(() => {
      if (stopped) return clearInterval(pace);
      for (const now = performance.now(); next <= now; next += gap) {
        const connection = idle.pop();
        if (connection === undefined) waiting.push(next);
        else send(connection, next);
      }
    }, 1);
  }
  if (plan.seconds !== undefined) {
    setTimeout(() => {
      stopped = true;
      finish();
    }, plan.seconds * 1000);
  }
  await finished;
  stopped = true;
  const seconds = (performance.now() - started) / 1000;
  latencies.sort((a, b) => a - b);
  const at = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
  const requests = latencies.length;
  return {
    requests,
    errors,
    seconds,
    perSecond: requests / seconds,
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    max: at(1),
    ...(plan.all && { latencies }),
  };
}

/** Takes bytes of an answer; true when it is whole. Knows just enough HTTP for that. */
function read(connection: Connection, chunk: Buffer): boolean {
  if (connection.missing === -1) {
    connection.buffer += chunk.toString("latin1");
    const end = connection.buffer.indexOf("\r\n\r\n");
    if (end < 0) return false;
    const head = connection.buffer.slice(0, end).toLowerCase();
    const rest = connection.buffer.slice(end + 4);
    connection.ok = head.startsWith("http/1.1 200");
    connection.hasBody = rest.length > 0;
    const length = /\r\ncontent-length: (\d+)/.exec(head);
    if (length === null) {
      connection.missing = -2;
      connection.buffer = rest.slice(-5);
      return rest.endsWith("0\r\n\r\n");
    }
    connection.missing = Number(length[1]) - rest.length;
    return connection.missing <= 0;
  }
  connection.hasBody = true;
  if (connection.missing === -2) {
    connection.buffer = (connection.buffer + chunk.toString("latin1")).slice(-5);
    return connection.buffer === "0\r\n\r\n";
  }
  connection.missing -= chunk.byteLength;
  return connection.missing <= 0;
}

if (import.meta.main) {
  const result = await run(JSON.parse(process.argv[2] ?? "{}") as Plan);
  console.log(JSON.stringify(result));
  process.exit(0);
}

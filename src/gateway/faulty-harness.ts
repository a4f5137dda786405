/** For end-to-end tests: providers below HTTP, which fail in every way that there is. */
import { createServer, type Socket } from "node:net";

/** What a provider does with a request: it has been read, and nothing was answered yet. */
export type Behaviour = (socket: Socket, attempt: number) => void;

/** A provider on the loopback that speaks as much HTTP as its behaviour wants. */
export interface FaultyProvider extends Disposable {
  readonly url: string;
  /** Requests so far. */
  requests: number;
  behave: Behaviour;
  /** Connections that are open now. */
  readonly open: number;
}

/** Starts a provider. Every answer has a connection of its own. */
export async function faultyProvider(): Promise<FaultyProvider> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    let received = "";
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
      const end = received.indexOf("\r\n\r\n");
      if (end < 0) return;
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(received.slice(0, end))?.[1] ?? 0);
      if (received.length < end + 4 + length) return;
      received = "";
      provider.requests += 1;
      provider.behave(socket, provider.requests);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const provider: FaultyProvider = {
    url: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
    requests: 0,
    behave: (socket) => socket.destroy(),
    get open() {
      return sockets.size;
    },
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
  return provider;
}

/** An address where nobody listens. */
export async function closedPort(): Promise<string> {
  const provider = await faultyProvider();
  provider[Symbol.dispose]();
  return provider.url;
}

type Headers = Readonly<Record<string, string>>;

function head(status: number, headers: Headers): string {
  const lines = Object.entries({ connection: "close", ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} X\r\n${lines.join("")}\r\n`;
}

/** A whole answer. */
export function whole(status: number, body: string | Uint8Array, headers: Headers = {}): Behaviour {
  const bytes = Buffer.from(body);
  const all = { "content-type": "application/json", "content-length": String(bytes.length), ...headers };
  return (socket) => {
    socket.write(head(status, all));
    socket.end(bytes);
  };
}

/** The head of a streamed answer and these events; then what `after` does. */
export function stream(events: readonly string[], after: (socket: Socket) => void, headers: Headers = {}): Behaviour {
  const all = { "content-type": "text/event-stream", "transfer-encoding": "chunked", ...headers };
  return (socket) => {
    socket.write(head(200, all));
    for (const event of events) socket.write(chunk(event));
    after(socket);
  };
}

/** A chunk as HTTP frames it. */
export function chunk(bytes: string | Uint8Array): Buffer {
  const body = Buffer.from(bytes);
  return Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from("\r\n")]);
}

/** Ends a chunked body as it should. */
export function finish(socket: Socket): void {
  socket.end("0\r\n\r\n");
}

/** Does nothing more. */
export function silence(): void {}

/** Resets the connection once what was written is out. */
export function reset(socket: Socket): void {
  socket.write("", () => setTimeout(() => socket.resetAndDestroy(), 20));
}

/** The head of a whole answer and some of its body; then what `after` does. */
export function partOf(body: string, after: (socket: Socket) => void): Behaviour {
  return (socket) => {
    socket.write(head(200, { "content-type": "application/json", "content-length": String(body.length * 2) }));
    socket.write(body);
    after(socket);
  };
}

/** Writes pieces one after the other, so many milliseconds apart, and ends. */
export function drip(pieces: readonly (string | Uint8Array)[], ms: number): (socket: Socket) => void {
  return (socket) => {
    const left = [...pieces];
    const timer = setInterval(() => {
      const piece = left.shift();
      if (piece !== undefined && !socket.destroyed) return void socket.write(piece);
      clearInterval(timer);
      socket.end();
    }, ms);
  };
}

/** Another behaviour for each attempt; the last one again and again. */
export function inTurn(...behaviours: readonly Behaviour[]): Behaviour {
  return (socket, attempt) => behaviours[Math.min(attempt, behaviours.length) - 1]!(socket, attempt);
}

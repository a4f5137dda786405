import { connect } from "node:net";

/** Tells whether a connection to where a URL points can be made within so many milliseconds. Never rejects. */
export type Probe = (baseUrl: string, ms: number) => Promise<boolean>;

/**
 * Makes the probe that opens a connection and closes it again.
 *
 * `fetch` does not tell when it has connected, and a host that drops packets is noticed by nobody for minutes. So the one
 * attempt in many that is not answered at once asks whether there is a way at all. Those that ask at the same time share
 * the answer, and a way that was found is taken to be there for as long as one may take to be found.
 */
export function createProbe(env: Readonly<Record<string, string | undefined>> = process.env): Probe {
  const underWay = new Map<string, Promise<boolean>>();
  const reachedAt = new Map<string, number>();
  // A proxy connects in our place: what we can reach ourselves says nothing.
  const proxied = ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"].some((name) => (env[name] ?? "") !== "");
  return (baseUrl, ms) => {
    if (proxied || baseUrl === "") return Promise.resolve(true);
    if (performance.now() - (reachedAt.get(baseUrl) ?? Number.NEGATIVE_INFINITY) < ms) return Promise.resolve(true);
    let asked = underWay.get(baseUrl);
    if (asked === undefined) {
      asked = look(baseUrl, ms);
      underWay.set(baseUrl, asked);
    }
    return asked;
  };

  async function look(baseUrl: string, ms: number): Promise<boolean> {
    const reached = await canConnect(baseUrl, ms);
    underWay.delete(baseUrl);
    if (reached) reachedAt.set(baseUrl, performance.now());
    return reached;
  }
}

function canConnect(baseUrl: string, ms: number): Promise<boolean> {
  const { hostname, port, protocol } = new URL(baseUrl);
  return new Promise((resolve) => {
    const host = hostname.replace(/^\[|\]$/g, "");
    const socket = connect({ host, port: Number(port) || (protocol === "https:" ? 443 : 80) });
    const finish = (connected: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(connected);
    };
    const timer = setTimeout(() => finish(false), ms);
    timer.unref();
    socket.once("connect", () => finish(true));
    // Refused is an answer: `fetch` will be told so itself.
    socket.once("error", () => finish(true));
  });
}

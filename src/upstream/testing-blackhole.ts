/** For tests: a port of this machine that takes no connection and does not say so, as a host that drops packets. */
import { dlopen, ptr } from "bun:ffi";
import { connect, type Socket } from "node:net";

/** Linux drops what comes when the queue of a socket that nobody accepts from is full. */
export const canMakeBlackhole = process.platform === "linux";

/** A port that connections to it hang at. */
export interface Blackhole extends Disposable {
  readonly url: string;
}

/** Makes one; only where {@link canMakeBlackhole}. */
export async function blackhole(): Promise<Blackhole> {
  const libc = dlopen("libc.so.6", {
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
    listen: { args: ["i32", "i32"], returns: "i32" },
    getsockname: { args: ["i32", "ptr", "ptr"], returns: "i32" },
    close: { args: ["i32"], returns: "i32" },
  });
  const [inet, streams] = [2, 1];
  const fd = libc.symbols.socket(inet, streams, 0);
  // struct sockaddr_in: family, port (0: any free one), address.
  const address = new Uint8Array([inet, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
  const size = new Uint32Array([address.length]);
  const failed =
    libc.symbols.bind(fd, ptr(address), address.length) +
    libc.symbols.listen(fd, 0) +
    libc.symbols.getsockname(fd, ptr(address), ptr(size));
  if (failed !== 0) throw new Error("no socket could be made");
  const port = address[2]! * 256 + address[3]!;
  // One fits into the queue; the others see to it that it stays full.
  const fillers: Socket[] = [];
  for (let i = 0; i < 3; i += 1) {
    const filler = connect({ host: "127.0.0.1", port });
    filler.on("error", () => undefined);
    fillers.push(filler);
  }
  await new Promise<void>((resolve) => fillers[0]!.once("connect", resolve));
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.dispose]() {
      for (const filler of fillers) filler.destroy();
      libc.symbols.close(fd);
      libc.close();
    },
  };
}

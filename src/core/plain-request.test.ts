import { expect, test } from "bun:test";
import { plainRequest, receivedRequest } from "./plain-request.ts";

/** A request as a server makes it, whatever its URL is. */
function received(url: string, init: RequestInit = {}): Request {
  return Object.defineProperty(new Request("http://localhost/", init), "url", { value: url });
}

test.each([
  ["http://x/v1/models?a=/b", "/v1/models?a=/b"],
  ["https://gw/", "/"],
  ["http://[/admin/v1/status", "/admin/v1/status"],
  ["http://host:99999/x", "/x"],
  ["http://x*", "/"],
  ["/v1/x?u=http://a/b", "/v1/x?u=http://a/b"],
  ["//evil.example/x", "//evil.example/x"],
])("%s has the path %s", (url, path) => {
  const plain = plainRequest(received(url));
  const { pathname, search, host } = new URL(plain.url);
  expect([pathname + search, host]).toEqual([path, "sluice.invalid"]);
});

test("a request goes on whole, and what it stands for is known", async () => {
  const request = received("http://x/y", { method: "POST", headers: { a: "b" }, body: "text" });
  const plain = plainRequest(request);
  expect(receivedRequest(plain)).toBe(request);
  expect([plain.method, plain.headers.get("a"), await plain.text()]).toEqual(["POST", "b", "text"]);
});

test.each(["http://sluice/x", "http://gw:8787/x", "https://127.0.0.1/x", "http://[::1]/x"])(
  "%s stays as it is",
  (url) => {
    const request = received(url);
    expect(plainRequest(request)).toBe(request);
    expect(receivedRequest(request)).toBe(request);
  },
);

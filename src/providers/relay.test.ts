import { expect, test } from "bun:test";
import { openaiChat } from "./openai-chat/format.ts";
import { readChatStream } from "./openai-chat/stream.ts";
import { createRelay } from "./relay.ts";

const bytes = (text: string) => Buffer.from(text);
const text = (shown: Uint8Array | null) => (shown === null ? null : Buffer.from(shown).toString());
const chunk = (content: string, more = "") =>
  `data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"${content}"},"finish_reason":null}]${more}}\n\n`;

test("a chunk of whole events is passed on as it is, without a copy", () => {
  const relay = openaiChat.openStream();
  const given = bytes(chunk("a") + chunk("b"));
  const shown = relay.write(given)!;
  expect([shown.buffer, shown.byteOffset, shown.length]).toEqual([given.buffer, given.byteOffset, given.length]);
});

test("half an event waits for its other half, so that an appended error cannot be glued to it", () => {
  const relay = openaiChat.openStream();
  const whole = chunk("a") + chunk("b");
  expect(text(relay.write(bytes(whole.slice(0, -20))))).toBe(chunk("a"));
  expect(relay.write(bytes(whole.slice(-20, -5)))).toBeNull();
  expect(text(relay.write(bytes(whole.slice(-5))))).toBe(chunk("b"));
  expect(relay.end()).toBeNull();
});

test("what is left at the end is passed on and read", () => {
  const relay = openaiChat.openStream();
  expect(text(relay.write(bytes(`${chunk("a")}data: [DONE]`)))).toBe(chunk("a"));
  expect(relay.complete).toBe(false);
  expect(text(relay.end())).toBe("data: [DONE]");
  expect(relay.complete).toBe(true);
});

test("the usage that the gateway asked for is withheld, and every other byte comes through", () => {
  const relay = openaiChat.openStream({ withholdUsage: true });
  const usage = 'data: {"id":"c","choices":[],"usage":{"prompt_tokens":2,"completion_tokens":1,"total_tokens":3}}\n\n';
  const shown = [
    relay.write(bytes(`: hi\n\n${chunk("a", ',"usage":null')}`)),
    relay.write(bytes(usage)),
    relay.write(bytes(`${chunk("b")}data: [DONE]\n\n`)),
  ];
  expect(shown.map(text)).toEqual([`: hi\n\n${chunk("a")}`, null, `${chunk("b")}data: [DONE]\n\n`]);
  expect(relay.summary()).toMatchObject({ usage: { promptTokens: 2, completionTokens: 1 }, text: "ab", model: "m" });
});

test("an event too large to hold is passed on unread, with all that follows", () => {
  const relay = createRelay(readChatStream(), null);
  const part = bytes(`data: ${"x".repeat(3_000_000)}`);
  const shown: number[] = [];
  for (let i = 0; i < 4; i += 1) shown.push(relay.write(part)?.length ?? 0);
  expect(shown).toEqual([0, 0, part.length * 3, part.length]);
  expect(relay.end()).toBeNull();
  expect([relay.complete, relay.error]).toEqual([true, ""]);
});

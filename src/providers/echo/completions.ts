import { asksForUsage } from "../openai-chat/write.ts";
import { openaiCompletions } from "../openai-completions/format.ts";
import { chatEcho } from "./chat.ts";
import { finishReason, openaiUsage } from "./openai.ts";
import { toChunks } from "./reply.ts";
import type { EchoSaying, EchoSurface } from "./surface.ts";

/** Completions. */
export const completionsEcho: EchoSurface = {
  format: openaiCompletions,
  idHeader: chatEcho.idHeader,
  answer,
  events,
};

function head({ view, id, seconds }: EchoSaying) {
  return { id: `cmpl-${id}`, object: "text_completion", created: seconds, model: view.model };
}

function answer(saying: EchoSaying): string {
  const { view, reply } = saying;
  const text = reply.words.join("");
  return JSON.stringify({
    ...head(saying),
    choices: Array.from({ length: view.choices }, (_, index) => ({
      text,
      index,
      logprobs: null,
      finish_reason: finishReason(reply),
    })),
    usage: openaiUsage(view, reply),
  });
}

function events(saying: EchoSaying): string[] {
  const { view, reply, chunks } = saying;
  const asked = asksForUsage(view);
  const event = (choices: unknown[], told: unknown = null) =>
    `data: ${JSON.stringify({ ...head(saying), choices, ...(asked && { usage: told }) })}\n\n`;
  const said = (text: string, finish: string | null = null) =>
    Array.from({ length: view.choices }, (_, index) => event([{ text, index, logprobs: null, finish_reason: finish }]));
  return [
    ...toChunks(reply.words, chunks).flatMap((text) => said(text)),
    ...said("", finishReason(reply)),
    ...(asked ? [event([], openaiUsage(view, reply))] : []),
    "data: [DONE]\n\n",
  ];
}

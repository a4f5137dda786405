/** A piece of what a model wrote, whole or as a fragment of a stream. */
export interface Delta {
  /** Which of several answers (`n`) it belongs to. */
  readonly choice: number;
  readonly kind: "text" | "reasoning" | "refusal" | "tool_name" | "tool_arguments";
  /** The tool call's key within its choice; empty for anything else. */
  readonly tool: string;
  readonly text: string;
}

/** Takes one piece at a time, so that no list is made where only the text is wanted. */
export type TakeDelta = (choice: number, kind: Delta["kind"], tool: string, text: string) => void;

import type { DecisionRow, UsageRow } from "./ports.ts";

/**
 * Stores batches of records: all of a batch or nothing. Storing a row a second time changes nothing.
 *
 * Rows are encoded one by one as they are taken, so that until they are stored each is a piece of text, not objects.
 */
export interface RecordSink {
  encodeUsage(row: UsageRow): string;
  encodeDecision(row: DecisionRow): string;
  append(batch: RecordBatch): Promise<void>;
}

/** Records on their way to the store: the texts that the sink made of its rows, joined by commas. */
export interface RecordBatch {
  readonly usage: string;
  readonly decisions: string;
}

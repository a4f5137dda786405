import { cohereEmbeddings } from "../cohere-embeddings/format.ts";
import { testFixtures } from "../fixtures.conformance.ts";
import { takeCohereDeltas, takeEventDeltas } from "./answer.ts";
import { cohere } from "./format.ts";

const none = { takeWhole: () => undefined, takeEvent: () => undefined };

testFixtures([
  { apis: ["v2-chat"], format: cohere, takeWhole: takeCohereDeltas, takeEvent: takeEventDeltas },
  { apis: ["embed"], format: cohereEmbeddings, ...none },
]);

import { type FactName, type FactSpec, factCatalogue, isFactName } from "../core/facts.ts";
import { type Code, type FunctionWriter, identifier, literal } from "./code.ts";
import type { NameReader } from "./generate.ts";
import { factSize } from "./sizes.ts";

/** Reads facts straight from the nested facts object, and the policy's variables from its scope. */
export const readName: NameReader = (name, writer) => {
  if (isFactName(name)) return readFact(name, writer);
  if (!name.startsWith("vars.")) return null;
  const variable = `s.$${identifier(name.slice("vars.".length))}`;
  return { text: writer.keep(writer.call("known", variable)), fails: true };
};

function readFact(name: FactName, writer: FunctionWriter): Code {
  const spec: FactSpec = factCatalogue[name];
  const path = ["f", ...name.split(".").map(identifier)].join(".");
  const { size, element } = factSize(spec);
  return { text: read(), fails: true };

  function read(): string {
    switch (spec.type) {
      case "int":
        return writer.call("int", path);
      case "double":
        return writer.call("double", path);
      case "bool":
        return writer.call("bool", path);
      case "timestamp":
        return writer.call("time", path);
      case "string":
        return writer.call("text", path, String(size), literal(name));
      case "list<string>":
        return writer.keep(writer.call("texts", path, String(size), String(element), literal(name)));
      case "map<string, string>":
      case "map<string, double>":
        return writer.call("map", path);
    }
  }
}

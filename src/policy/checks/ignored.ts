import type { CompiledFile } from "../compile.ts";
import type { Problem } from "../problem.ts";

const marker = /\bsluice:\s*ignore\s+((?:C\d{3}[\s,]*)+)/;

/**
 * Warnings without those that their files take as meant: a comment `sluice: ignore C075` in the line of the warning or
 * in the one before it, with the reason behind it. In the first line of a file it is for the file as a whole.
 */
export function withoutIgnored(problems: readonly Problem[], files: readonly Pick<CompiledFile, "file">[]): Problem[] {
  const texts = new Map(files.map(({ file }) => [file.label, file.text]));
  return problems.filter(({ code, file, line }) => {
    const lines = texts.get(file)?.split("\n") ?? [];
    return ![lines[line - 1], lines[line - 2]].some((text) => codesIn(text ?? "").includes(code));
  });
}

function codesIn(line: string): readonly string[] {
  return marker.exec(line)?.[1]?.split(/[\s,]+/) ?? [];
}

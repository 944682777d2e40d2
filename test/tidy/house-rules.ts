import { fileRules } from './file-rules.ts';
import type { HouseFile, HouseRule } from './house-rule.ts';
import { syntaxRules } from './syntax-rules.ts';
import { textRules } from './text-rules.ts';

/** Every rule that a file is held to by itself. */
export const houseRules: readonly HouseRule[] = [...fileRules, ...syntaxRules, ...textRules];

/** What is wrong with a file, one line each: rule, path, line and what was found. */
export function findViolations(file: HouseFile, rules: readonly HouseRule[]): string[] {
  const applying = rules.filter((rule) => rule.appliesTo(file.path));
  return applying.flatMap((rule) =>
    rule.find(file).map((finding) => `${rule.name}: ${file.path}:${finding}`),
  );
}

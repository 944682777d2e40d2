import { runTool } from './tool-process.ts';

export interface CheckStep {
  readonly name: string;
  /** A command line; its program is found in node_modules/.bin first. */
  readonly command: readonly string[];
}

/** All of `npm run check`, the slow ones first so that two side by side end together. */
export const checkSteps: readonly CheckStep[] = [
  { name: 'house numbers', command: ['vitest', 'run', '--project', 'tidy'] },
  { name: 'lint', command: ['oxlint', '--type-aware', '.'] },
  { name: 'format', command: ['prettier', '--check', '.'] },
  { name: 'types', command: ['tsc', '--noEmit', '-p', '.'] },
  { name: 'unused code', command: ['knip'] },
  { name: 'imports', command: ['node', 'scripts/check-imports.ts'] },
  { name: 'generated code', command: ['node', 'scripts/check-generated.ts'] },
  { name: 'contract style', command: ['buf', 'lint'] },
  { name: 'contract promises', command: ['buf', 'breaking', '--against', 'proto/baseline.json'] },
];

const STEPS_AT_ONCE = 2;

/**
 * Runs the steps, at most two side by side, with one line for each as it ends, and the whole output of a failed one.
 * Returns how many passed and failed; every step runs, whatever the others did.
 */
export async function runCheckSteps(
  steps: readonly CheckStep[],
): Promise<{ passed: number; failed: number }> {
  const waiting = [...steps];
  let passed = 0;
  const work = async (): Promise<void> => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
      if (await runStep(step)) passed += 1;
    }
  };
  await Promise.all(Array.from({ length: STEPS_AT_ONCE }, work));
  return { passed, failed: steps.length - passed };
}

async function runStep(step: CheckStep): Promise<boolean> {
  const startedAt = performance.now();
  const { ok, output } = await runTool(step.command);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${step.name.padEnd(20)} ${seconds.padStart(5)} s`);
  if (!ok) console.log(`\n$ ${step.command.join(' ')}\n${output}`);
  return ok;
}

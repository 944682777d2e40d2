import { afterEach, expect, test, vi } from 'vitest';
import { checkSteps, runCheckSteps } from '../../scripts/check-steps.ts';

afterEach(() => vi.restoreAllMocks());

function step(name: string, script: string): { name: string; command: string[] } {
  return { name, command: ['node', '--eval', script] };
}

test('each step gets a line, a failed one its whole output, and all of them run', async () => {
  const lines = vi.spyOn(console, 'log').mockReturnValue();
  const steps = [
    step('first', 'console.log("hidden")'),
    step('second', 'console.log("shown"); console.error("as well"); process.exit(3)'),
    step('third', ''),
    { name: 'fourth', command: ['a-program-that-is-not-there'] },
  ];
  expect(await runCheckSteps(steps)).toEqual({ passed: 2, failed: 2 });
  const output = lines.mock.calls.flat().join('\n');
  expect(output).toMatch(/^ok +first +\d+\.\d s$/m);
  expect(output).toMatch(/^FAILED +second +\d+\.\d s$/m);
  expect(output).toMatch(/^FAILED +fourth +\d+\.\d s$/m);
  expect(output).toMatch(/shown\n|as well\n/);
  expect(output).not.toContain('hidden');
});

test('every step has a name of its own', () => {
  const names = checkSteps.map((checkStep) => checkStep.name);
  expect(new Set(names).size).toBe(names.length);
});

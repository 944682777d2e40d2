import { checkSteps, runCheckSteps } from './check-steps.ts';

const { failed } = await runCheckSteps(checkSteps);
process.exitCode = failed === 0 ? 0 : 1;

/** `pannier janitor`: what services that are gone left behind, as a table, and removed unless only asked for. */
import { ConfigError, formatBytes, formatDuration } from '@pannier/runtime';
import type { PannierClient } from '../index.ts';
import type { CommandLine } from './command-line.ts';
import { grouped, note, print, textTable, visible } from './terminal.ts';

/** Goes through the store now. */
export async function janitorCommand(
  { operands, dryRun, json }: CommandLine,
  client: PannierClient,
): Promise<void> {
  if (operands.length > 0) throw new ConfigError('janitor: takes no operand');
  const { findings, keysWalked } = await client.admin.janitor({ dryRun });
  if (json) {
    await print(findings.map((finding) => `${JSON.stringify(finding)}\n`).join(''));
    return;
  }
  if (findings.length === 0) {
    note(`nothing was left behind, among ${grouped(keysWalked)} objects and versions of datasets`);
    return;
  }
  const rows = findings.map(({ kind, name, keys, storedBytes, lastUsedAt }) => [
    kind,
    grouped(keys),
    formatBytes(storedBytes),
    `${formatDuration(Math.max(0, Date.now() - lastUsedAt.getTime()))} ago`,
    visible(name),
  ]);
  await print(textTable(['KIND', 'KEYS', 'BYTES', 'LAST USED', 'NAME'], rows));
  const keys = findings.reduce((sum, finding) => sum + finding.keys, 0);
  const bytes = findings.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
  note(`${grouped(keys)} keys, ${formatBytes(bytes)} ${dryRun ? 'would go' : 'are gone'}`);
}

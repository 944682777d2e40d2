import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packClient } from '../../scripts/pack-client.ts';
import { rootDirectory, runTool } from '../../scripts/tool-process.ts';

// A project outside the repository, into which the package was installed; what it depends on is borrowed, so that no registry is asked.
const project = mkdtempSync(join(tmpdir(), 'pannier-consumer-'));
afterAll(() => rmSync(project, { recursive: true }));

beforeAll(async () => {
  const tarball = await packClient(project);
  const place = join(project, 'node_modules', '@pannier', 'client');
  mkdirSync(place, { recursive: true });
  const { ok, output } = await runTool(['tar', 'xzf', tarball, '-C', place, '--strip-components', '1']);
  expect({ ok, output }).toEqual({ ok: true, output: '' });
  const { dependencies } = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  for (const name of [...Object.keys(dependencies), '@types/node']) {
    if (name.startsWith('@pannier/')) continue;
    const link = join(project, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(rootDirectory, 'node_modules', name), link);
  }
  writeFileSync(join(project, 'package.json'), '{"type": "module"}');
});

test('the packed client runs from node_modules, and so does its command', async () => {
  writeFileSync(
    join(project, 'run.ts'),
    "import { connect } from '@pannier/client'; console.log(connect('127.0.0.1:1').servers()[0]?.status);",
  );
  expect(await runTool(['node', 'run.ts'], { cwd: project })).toEqual({ ok: true, output: 'idle\n' });
  const main = join('node_modules', '@pannier', 'client', 'dist', 'cli', 'main.js');
  const help = await runTool([join(project, main), '--help'], { cwd: project });
  expect(help.ok).toBe(true);
  expect(help.output).toContain('Usage: pannier');
});

test('its types serve an ordinary strict project, declarations checked as well', async () => {
  const options = { target: 'es2024', module: 'nodenext', strict: true, noEmit: true, types: ['node'] };
  const lib = ['es2024', 'esnext.disposable'];
  const include = ['types.ts'];
  writeFileSync(
    join(project, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: { ...options, lib }, include }),
  );
  const program = (field: string): string => `
    import { anyOf, connect } from '@pannier/client';
    interface City { name: string; country: string; lat: number }
    using client = connect('127.0.0.1:7070');
    const wanted = anyOf<City>({ country: 'CZ' }, { name: 'London' });
    for await (const city of client.dataset<City>('cities').records(wanted, { fields: ['name'] }))
      console.log(city.${field}.toUpperCase());
  `;
  writeFileSync(join(project, 'types.ts'), program('name'));
  expect(await runTool(['tsc', '-p', '.'], { cwd: project })).toEqual({ ok: true, output: '' });
  writeFileSync(join(project, 'types.ts'), program('country'));
  expect((await runTool(['tsc', '-p', '.'], { cwd: project })).output).toContain(
    "Property 'country' does not exist",
  );
});

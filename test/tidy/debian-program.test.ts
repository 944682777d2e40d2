import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { findOrInstall, REDIS } from '../../scripts/debian-program.ts';
import type { Machine } from '../../scripts/debian-program.ts';

// A machine of two folders: programs that are there, and apt-get's doings written to a log.
let directory = '';
let machine: Machine;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pannier-machine-'));
  const policyFile = join(directory, 'policy-rc.d');
  machine = { path: `/nowhere:${directory}`, isRoot: true, hasSystemd: false, policyFile };
  vi.spyOn(console, 'log').mockReturnValue();
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(directory, { recursive: true, force: true });
});

function addProgram(name: string, script = ''): string {
  writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return join(directory, name);
}

function addAptGet(): void {
  const install = `printf '' > ${directory}/redis-server; /bin/chmod 755 ${directory}/redis-server`;
  addProgram(
    'apt-get',
    `echo "$@" $(test -x ${machine.policyFile} && echo held) >> ${directory}/log\n${install}`,
  );
}

test('the redis-server on PATH is taken as it is', () => {
  const program = addProgram('redis-server');
  addAptGet();
  expect(findOrInstall(REDIS, machine)).toBe(program);
  expect(existsSync(join(directory, 'log'))).toBe(false);
});

test('root installs the package while services are held, and lets go of them', () => {
  addAptGet();
  expect(findOrInstall(REDIS, machine)).toBe(join(directory, 'redis-server'));
  const log = readFileSync(join(directory, 'log'), 'utf8');
  expect(log).toBe('update held\ninstall -y --no-install-recommends redis-server held\n');
  expect(existsSync(machine.policyFile)).toBe(false);
});

test('a policy that was there before stays there', () => {
  addAptGet();
  addProgram('policy-rc.d', 'exit 101');
  findOrInstall(REDIS, machine);
  expect(existsSync(machine.policyFile)).toBe(true);
});

test('under systemd the service is turned off for the next boot as well', () => {
  addAptGet();
  addProgram('systemctl', `echo systemctl "$@" >> ${directory}/log`);
  findOrInstall(REDIS, { ...machine, hasSystemd: true });
  expect(readFileSync(join(directory, 'log'), 'utf8')).toContain('systemctl disable --now redis-server');
});

test('a program without a service is installed as well, and no service is turned off for it', () => {
  addAptGet();
  addProgram('systemctl', `echo systemctl "$@" >> ${directory}/log`);
  const redis = { program: REDIS.program, package: REDIS.package };
  expect(findOrInstall(redis, { ...machine, hasSystemd: true })).toBe(join(directory, 'redis-server'));
  expect(readFileSync(join(directory, 'log'), 'utf8')).not.toContain('systemctl');
});

test.each([
  ['a user who is not root', false, true],
  ['a machine without apt-get', true, false],
])('%s is told in one line what to install', (_who, isRoot, hasAptGet) => {
  if (hasAptGet) addAptGet();
  const errors = vi.spyOn(console, 'error').mockReturnValue();
  expect(findOrInstall(REDIS, { ...machine, isRoot })).toBe(null);
  expect(errors.mock.calls).toEqual([
    [expect.stringMatching(/^redis-server is not on PATH: install it \(.*\)\.$/)],
  ]);
});

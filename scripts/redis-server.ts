import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What installing depends on. */
export interface Machine {
  /** Directories to look for programs in, as in PATH. */
  readonly path: string;
  readonly isRoot: boolean;
  readonly hasSystemd: boolean;
  /** While this file exists and exits 101, Debian's packages start no service. */
  readonly policyFile: string;
}

const thisMachine: Machine = {
  path: process.env['PATH'] ?? '',
  isRoot: process.getuid?.() === 0,
  hasSystemd: existsSync('/run/systemd/system'),
  policyFile: '/usr/sbin/policy-rc.d',
};

/**
 * Finds the `redis-server` that tests start on ports of their own, or installs Debian's package where that is allowed.
 * Returns its path, or null after saying in one line what to install.
 */
export function findOrInstallRedisServer(machine: Machine = thisMachine): string | null {
  const found = findProgram('redis-server', machine);
  if (found !== null) return found;
  if (machine.isRoot && findProgram('apt-get', machine) !== null) installRedisServer(machine);
  const installed = findProgram('redis-server', machine);
  if (installed === null) {
    console.error(
      'redis-server is not on PATH: install it (Debian, Ubuntu: apt-get install redis-server as root).',
    );
  }
  return installed;
}

/** Debian would start the service on port 6379 at once and at every boot; the tests want the program only. */
function installRedisServer(machine: Machine): void {
  console.log(
    'redis-server is not on PATH: installing the Debian package redis-server, its service stays off.',
  );
  const hadPolicy = existsSync(machine.policyFile);
  // Ctrl-C ends apt-get; this process must outlive it to take the policy file away again.
  const outliveInterrupt = (): void => console.error('interrupted');
  process.once('SIGINT', outliveInterrupt);
  if (!hadPolicy) writeFileSync(machine.policyFile, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const installed =
      run(machine, 'apt-get', ['update']) &&
      run(machine, 'apt-get', ['install', '-y', '--no-install-recommends', 'redis-server']);
    if (installed && machine.hasSystemd) run(machine, 'systemctl', ['disable', '--now', 'redis-server']);
  } finally {
    if (!hadPolicy) rmSync(machine.policyFile, { force: true });
    process.off('SIGINT', outliveInterrupt);
  }
}

function run(machine: Machine, program: string, args: string[]): boolean {
  const env = { ...process.env, PATH: machine.path, DEBIAN_FRONTEND: 'noninteractive' };
  const command = findProgram(program, machine) ?? program;
  const { status } = spawnSync(command, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env,
    timeout: 600_000,
  });
  if (status !== 0) console.error(`failed: ${program} ${args.join(' ')}`);
  return status === 0;
}

function findProgram(name: string, machine: Machine): string | null {
  const directories = machine.path.split(delimiter).filter((directory) => directory !== '');
  return directories.map((directory) => join(directory, name)).find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  if (!existsSync(path) || !statSync(path).isFile()) return false;
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EACCES') return false;
    throw error;
  }
}

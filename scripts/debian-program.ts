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
  // Debian keeps servers in sbin, which the PATH of a person seldom has.
  path: `${process.env['PATH'] ?? ''}${delimiter}/usr/sbin`,
  isRoot: process.getuid?.() === 0,
  hasSystemd: existsSync('/run/systemd/system'),
  policyFile: '/usr/sbin/policy-rc.d',
};

/** What tests and benchmarks run: a server on ports of its own, or a tool. */
export interface DebianProgram {
  readonly program: string;
  readonly package: string;
  /** What the package would start at once and at every boot. */
  readonly service?: string;
}

export const REDIS: DebianProgram = {
  program: 'redis-server',
  package: 'redis-server',
  service: 'redis-server',
};

export const NGINX: DebianProgram = { program: 'nginx', package: 'nginx-light', service: 'nginx' };

/** Its package brings a C compiler, which Varnish needs for its configuration. */
export const VARNISH: DebianProgram = { program: 'varnishd', package: 'varnish', service: 'varnish' };

export const KUBECTL: DebianProgram = { program: 'kubectl', package: 'kubernetes-client' };

/**
 * Finds a program, or installs Debian's package where that is allowed.
 * Returns its path, or null after saying in one line what to install.
 */
export function findOrInstall(wanted: DebianProgram, machine: Machine = thisMachine): string | null {
  const { program } = wanted;
  const found = findProgram(program, machine);
  if (found !== null) return found;
  if (machine.isRoot && findProgram('apt-get', machine) !== null) install(wanted, machine);
  const installed = findProgram(program, machine);
  if (installed === null) {
    console.error(
      `${program} is not on PATH: install it (Debian, Ubuntu: apt-get install ${wanted.package} as root).`,
    );
  }
  return installed;
}

/** Debian would start the service at once and at every boot; only the program is wanted. */
function install({ program, package: name, service }: DebianProgram, machine: Machine): void {
  const remark = service === undefined ? '' : ', its service stays off';
  console.error(`${program} is not on PATH: installing the Debian package ${name}${remark}.`);
  const hadPolicy = existsSync(machine.policyFile);
  // Ctrl-C ends apt-get; this process must outlive it to take the policy file away again.
  const outliveInterrupt = (): void => console.error('interrupted');
  process.once('SIGINT', outliveInterrupt);
  if (!hadPolicy) writeFileSync(machine.policyFile, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const installed =
      run(machine, 'apt-get', ['update']) &&
      run(machine, 'apt-get', ['install', '-y', '--no-install-recommends', name]);
    if (installed && machine.hasSystemd && service !== undefined)
      run(machine, 'systemctl', ['disable', '--now', service]);
  } finally {
    if (!hadPolicy) rmSync(machine.policyFile, { force: true });
    process.off('SIGINT', outliveInterrupt);
  }
}

function run(machine: Machine, program: string, args: string[]): boolean {
  const env = { ...process.env, PATH: machine.path, DEBIAN_FRONTEND: 'noninteractive' };
  const command = findProgram(program, machine) ?? program;
  const { status } = spawnSync(command, args, {
    // What it prints is for people; a benchmark's own output may be for a program.
    stdio: ['ignore', 2, 2],
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

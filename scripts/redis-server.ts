import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const POLICY_FILE = '/usr/sbin/policy-rc.d';

/**
 * Finds the `redis-server` that tests start on ports of their own, or installs Debian's package where that is allowed.
 * Returns its path, or null after saying in one line what to install.
 */
export function findOrInstallRedisServer(): string | null {
  const found = findOnPath('redis-server');
  if (found !== null) return found;
  if (process.getuid?.() === 0 && findOnPath('apt-get') !== null) installRedisServer();
  const installed = findOnPath('redis-server');
  if (installed === null) {
    console.error(
      'redis-server is not on PATH: install it (Debian, Ubuntu: sudo apt-get install redis-server) and try again.',
    );
  }
  return installed;
}

/** Debian would start the service on port 6379 at once and at every boot; the tests want the program only. */
function installRedisServer(): void {
  console.log(
    'redis-server is not on PATH: installing the Debian package redis-server (its service stays off).',
  );
  const hadPolicy = existsSync(POLICY_FILE);
  // Ctrl-C ends apt-get; this process must outlive it to take the policy file away again.
  const outliveInterrupt = (): void => console.error('interrupted');
  process.once('SIGINT', outliveInterrupt);
  if (!hadPolicy) writeFileSync(POLICY_FILE, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    if (
      run('apt-get', ['update']) &&
      run('apt-get', ['install', '-y', '--no-install-recommends', 'redis-server'])
    ) {
      if (existsSync('/run/systemd/system')) run('systemctl', ['disable', '--now', 'redis-server']);
    }
  } finally {
    if (!hadPolicy) rmSync(POLICY_FILE, { force: true });
    process.off('SIGINT', outliveInterrupt);
  }
}

function run(command: string, args: string[]): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status } = spawnSync(command, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env,
    timeout: 600_000,
  });
  if (status !== 0) console.error(`failed: ${command} ${args.join(' ')}`);
  return status === 0;
}

function findOnPath(program: string): string | null {
  const directories = (process.env['PATH'] ?? '').split(delimiter).filter((directory) => directory !== '');
  return directories.map((directory) => join(directory, program)).find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}

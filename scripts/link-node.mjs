import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

// Runs after `npm ci`, perhaps on an older Node, and so is not TypeScript. The package node-linux-* of this machine
// brings the pinned Node, and npm links it as node_modules/.bin/node, first in PATH for every npm script. But npm 10,
// having skipped the package of the other architecture, takes away the link of that name: put it back.

const NODE_MAJOR_MIN = 24;
const modules = join(dirname(dirname(fileURLToPath(import.meta.url))), 'node_modules');
const packageName = `node-${process.platform}-${process.arch}`;
const link = join(modules, '.bin', 'node');

if (existsSync(join(modules, packageName, 'bin', 'node'))) {
  if (!existsSync(link)) {
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join('..', packageName, 'bin', 'node'), link);
  }
} else if (Number.parseInt(process.versions.node, 10) < NODE_MAJOR_MIN) {
  console.error(
    `Pannier needs Node ${NODE_MAJOR_MIN} or newer: this one is ${process.version}, and there is no package ${packageName} to bring it.`,
  );
  process.exitCode = 1;
}

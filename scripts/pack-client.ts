/**
 * `npm run pack-client`: the SDK and its command as one package for programs outside this repository, in JavaScript and with types.
 * Node runs TypeScript everywhere but in node_modules, so that a copy of the sources would not do there.
 */
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { rootDirectory, runTool } from './tool-process.ts';

/** The part of package.json that is read here. */
interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const CLIENT = 'client-sdk';
/** Packages of ours that the client is made of. They travel inside it, and their own dependencies are its dependencies. */
const INSIDE = ['proto', 'http-semantics', 'runtime'];

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(rootDirectory, folder, 'package.json'), 'utf8')) as Manifest;
}

const compiled = (source: string, extension: string): string =>
  source.replace(/^\.\/src\//, './dist/').replace(/\.ts$/, extension);

function exportsOf({ exports }: Manifest): object {
  const entries = Object.entries(exports).map(([name, source]) => {
    return [name, { types: compiled(source, '.d.ts'), default: compiled(source, '.js') }];
  });
  return Object.fromEntries(entries) as object;
}

function sourcesByName(folder: string): [name: string, sources: string[]][] {
  const { name, exports } = manifestOf(folder);
  return Object.entries(exports).map(([entry, source]) => [
    `${name}${entry.slice(1)}`,
    [join(rootDirectory, folder, source)],
  ]);
}

/** JavaScript and declarations of all that the client reaches, below `out` as the sources are below the root. */
async function compile(out: string): Promise<void> {
  const { exports, bin } = manifestOf(CLIENT);
  const sources = [...Object.values(exports), ...Object.values(bin ?? {})];
  const project = {
    extends: join(rootDirectory, 'tsconfig.json'),
    compilerOptions: {
      noEmit: false,
      declaration: true,
      rewriteRelativeImportExtensions: true,
      rootDir: rootDirectory,
      outDir: out,
      // By their sources: what is found through node_modules would not be compiled.
      paths: Object.fromEntries(INSIDE.flatMap(sourcesByName)) as object,
      typeRoots: [join(rootDirectory, 'node_modules', '@types')],
    },
    files: sources.map((source) => join(rootDirectory, CLIENT, source)),
    include: [],
  };
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'tsconfig.json'), JSON.stringify(project));
  const { ok, output } = await runTool(['tsc', '-p', out]);
  if (!ok) throw new Error(`tsc: ${output}`);
}

function write(folder: string, manifest: object): void {
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Puts the package together in `folder`. */
function assemble(out: string, folder: string): Manifest {
  const client = manifestOf(CLIENT);
  const inside = INSIDE.map((name) => ({ name, manifest: manifestOf(name) }));
  for (const { name, manifest } of inside) {
    const place = join(folder, 'node_modules', manifest.name);
    cpSync(join(out, name, 'src'), join(place, 'dist'), { recursive: true });
    const { version, license } = manifest;
    write(place, { name: manifest.name, version, license, type: 'module', exports: exportsOf(manifest) });
  }
  cpSync(join(out, CLIENT, 'src'), join(folder, 'dist'), { recursive: true });
  cpSync(join(rootDirectory, CLIENT, 'README.md'), join(folder, 'README.md'));
  const own = inside.map(({ manifest }) => manifest.name);
  const all = [client, ...inside.map(({ manifest }) => manifest)].flatMap(({ dependencies = {} }) =>
    Object.entries(dependencies),
  );
  const bin = Object.entries(client.bin ?? {}).map(
    ([name, source]) => [name, compiled(source, '.js')] as const,
  );
  for (const [, file] of bin) chmodSync(join(folder, file), 0o755);
  write(folder, {
    name: client.name,
    version: client.version,
    license: client.license,
    description: 'The TypeScript SDK of Pannier, and the `pannier` command.',
    type: 'module',
    engines: { node: '>=24' },
    exports: exportsOf(client),
    bin: Object.fromEntries(bin),
    files: ['dist'],
    dependencies: {
      ...Object.fromEntries(all.filter(([name]) => !own.includes(name))),
      ...Object.fromEntries(inside.map(({ manifest }) => [manifest.name, manifest.version])),
    },
    bundleDependencies: own,
  });
  return client;
}

/** Returns the path of the tarball in `target`. */
export async function packClient(target: string): Promise<string> {
  const stage = mkdtempSync(join(tmpdir(), 'pannier-pack-'));
  try {
    const folder = join(stage, 'package');
    mkdirSync(folder);
    await compile(join(stage, 'out'));
    const { name, version } = assemble(join(stage, 'out'), folder);
    const { ok, output } = await runTool(['npm', 'pack', '--silent', '--pack-destination', target], {
      cwd: folder,
    });
    if (!ok) throw new Error(`npm pack: ${output}`);
    return join(target, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`);
  } finally {
    rmSync(stage, { recursive: true });
  }
}

if (import.meta.main) console.log(await packClient(resolve(process.argv[2] ?? '.')));

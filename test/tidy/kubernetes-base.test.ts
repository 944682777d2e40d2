/** The manifests of k8s/base, by themselves: what they name is there, and their ports are those of the contract. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseBytes, parseConfig } from '@pannier/runtime';
import { describe, expect, it, test } from 'vitest';
import { findOrInstall, KUBECTL } from '../../scripts/debian-program.ts';
import { LOG_BYTES_MAX } from '../../cache-server/src/generation/invalidation-log.ts';
import { baseFolder, readBase, readBaseText } from './kubernetes-manifests.ts';
import type { Container, Labels, PodTemplate } from './kubernetes-manifests.ts';

/** A package that is not there is fetched first. */
const INSTALL_TIMEOUT_MS = 1_200_000;

const base = readBase();
const { kustomization, manifests } = base;
const config = parseConfig(readBaseText('pannier.yaml'), { env: {} });
const generated = new Map(
  kustomization.configMapGenerator.map(({ name, files }) => [name, files.map((file) => file.split('='))]),
);
const pods = manifests.flatMap(({ kind, spec, metadata }): PodTemplate[] => {
  if (kind === 'Pod' && spec !== undefined) return [{ metadata, spec }];
  return spec?.template === undefined ? [] : [spec.template];
});
const containers = pods.flatMap(({ spec }) => [...spec.containers, ...(spec.initContainers ?? [])]);
const services = manifests.filter(({ kind }) => kind === 'Service');

function selects(selector: Labels, { metadata: { labels = {} } }: PodTemplate): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value);
}

function portOf({ ports = [] }: Container, name: string): number | undefined {
  return ports.find((port) => port.name === name)?.containerPort;
}

function containerNamed(name: string): Container {
  const found = containers.find((container) => container.name === name);
  if (found === undefined) throw new Error(`no container ${name}`);
  return found;
}

test('every file of the folder is listed or read by a generator, and each list names files that are there', () => {
  const sources = [...generated.values()].flat().map((parts) => parts.at(-1) ?? '');
  const listed: string[] = ['kustomization.yaml', ...kustomization.resources, ...sources];
  expect(readdirSync(baseFolder).toSorted()).toEqual(listed.toSorted());
});

test('what is mounted from a ConfigMap is generated, and the files that programs are started with are in it', () => {
  for (const { spec } of pods) {
    for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
      const mounted = (container.volumeMounts ?? []).flatMap(({ name, mountPath }) => {
        const volume = spec.volumes?.find((one) => one.name === name);
        expect(volume, `${container.name} mounts ${name}`).toBeDefined();
        const configMap = volume?.configMap?.name;
        if (configMap === undefined) return [];
        return (generated.get(configMap) ?? []).map(([key = '']) => join(mountPath, key));
      });
      const files = [...container.command, ...(container.args ?? [])].filter((word) =>
        word.startsWith('/etc/'),
      );
      for (const file of files) expect(mounted).toContain(file);
    }
  }
});

test('the ports are those of the configuration, and so of the contract', () => {
  expect([config.server.port, config.server.adminPort]).toEqual([7070, 7071]);
  expect([config.proxy.port, config.proxy.adminPort]).toEqual([7080, 7081]);
  const server = containerNamed('cache-server');
  expect([portOf(server, 'grpc'), portOf(server, 'admin')]).toEqual([7070, 7071]);
  expect(portOf(containerNamed('pannier-proxy'), 'proxy-admin')).toBe(7081);
  const { env = [] } = containerNamed('app');
  for (const name of ['HTTP_PROXY', 'http_proxy'])
    expect(env.find((variable) => variable.name === name)?.value).toBe('http://127.0.0.1:7080');
});

test('what is probed and scraped listens on the address of the pod, and the HTTP proxy on no other than its loopback', () => {
  expect([config.server.host, config.server.adminHost, config.proxy.adminHost]).toEqual([
    '0.0.0.0',
    '0.0.0.0',
    '0.0.0.0',
  ]);
  expect(config.proxy.host).toBe('127.0.0.1');
});

test('every probe asks a port of its container', () => {
  for (const container of containers) {
    for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
      const port = probe?.httpGet?.port ?? probe?.tcpSocket?.port;
      if (port !== undefined) expect(portOf(container, port), `${container.name}: ${port}`).toBeDefined();
    }
  }
});

test('every selector matches a pod, and every port of a service and of a policy is one of its pods', () => {
  for (const { kind, metadata, spec } of manifests) {
    const what = `${kind} ${metadata.name}`;
    if (spec?.template !== undefined)
      expect(selects(spec.selector?.['matchLabels'] as Labels, spec.template), what).toBe(true);
    if (kind === 'PodDisruptionBudget')
      expect(
        pods.some((pod) => selects(spec?.selector?.['matchLabels'] as Labels, pod)),
        what,
      ).toBe(true);
    if (kind !== 'Service') continue;
    const [pod] = pods.filter((one) => selects(spec?.selector as Labels, one));
    for (const { port, targetPort } of spec?.ports ?? [])
      expect(
        pod?.spec.containers.map((one) => portOf(one, targetPort)),
        what,
      ).toContain(port);
  }
  const ports = containers.flatMap(({ ports: named = [] }) => named.map(({ name }) => name));
  for (const policy of manifests.filter(({ kind }) => kind === 'NetworkPolicy')) {
    const { matchLabels = {}, matchExpressions = [] } = policy.spec?.podSelector ?? {};
    const wanted =
      matchExpressions.length === 0
        ? [matchLabels]
        : matchExpressions.flatMap(({ key, values }) => values.map((value) => ({ [key]: value })));
    for (const labels of wanted)
      expect(
        pods.some((pod) => selects(labels, pod)),
        policy.metadata.name,
      ).toBe(true);
    for (const rule of policy.spec?.ingress ?? []) {
      for (const { podSelector } of rule.from ?? [])
        expect(
          pods.some((pod) => selects(podSelector?.matchLabels ?? {}, pod)),
          policy.metadata.name,
        ).toBe(true);
      for (const { port } of rule.ports ?? []) expect(ports).toContain(port);
    }
  }
});

test('the names that the configuration leads to are services of the base, with those ports', () => {
  const { redis } = config.server;
  const targets = [redis?.url, redis?.control?.url, ...config.proxy.servers];
  for (const target of targets) {
    const [, name, port] = /\/([\w-]+)\.pannier\.svc:(\d+)$/.exec(target ?? '') ?? [];
    const service = services.find(({ metadata }) => metadata.name === name);
    expect(
      service?.spec?.ports?.map((one) => one.port),
      target,
    ).toContain(Number(port));
  }
});

/** In bytes: what a Redis of the base may take for keys, and for everything. */
function memoryOf(name: string): { keys: number; all: number } {
  const keys = /^maxmemory (.*)mb$/m.exec(readBaseText(`redis-${name}.conf`))?.[1];
  const set = manifests.find(
    ({ kind, metadata }) => kind === 'StatefulSet' && metadata.name === `redis-${name}`,
  );
  const limit = set?.spec?.template?.spec.containers[0]?.resources.limits.memory;
  return { keys: parseBytes(`${keys}MiB`) ?? Infinity, all: parseBytes(`${limit}B`) ?? 0 };
}

describe('each Redis', () => {
  it.each([
    ['data', /^allkeys-/],
    ['control', /^noeviction$/],
  ])('of %s evicts as its content allows, within its memory, and writes nothing to disk', (name, policy) => {
    const text = readBaseText(`redis-${name}.conf`);
    const setting = (key: string): string => new RegExp(`^${key} (.*)$`, 'm').exec(text)?.[1] ?? '';
    expect(setting('maxmemory-policy')).toMatch(policy);
    expect([setting('save'), setting('appendonly')]).toEqual(['""', 'no']);
    const { keys, all } = memoryOf(name);
    expect(keys * 1.25).toBeLessThanOrEqual(all);
  });

  it('of control has room for the log, for flights, and for purges when it is full', () => {
    const { keys, all } = memoryOf('control');
    // Twice the bytes of its events, for the overhead of Redis and what is folded; see docs/redis.md.
    expect(keys).toBeGreaterThanOrEqual(4 * 2 * LOG_BYTES_MAX);
    expect(all - keys).toBeGreaterThanOrEqual(2 * LOG_BYTES_MAX);
  });
});

test('every container has its bounds, runs as nobody of importance, and comes from an image of the list', () => {
  for (const { spec } of pods) expect(spec.securityContext).toMatchObject({ runAsNonRoot: true });
  for (const container of containers) {
    expect(container.securityContext, container.name).toMatchObject({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
    });
    expect(container.resources, container.name).toMatchObject({
      requests: { cpu: expect.any(String) as string, memory: expect.any(String) as string },
    });
    expect(container.resources.limits.memory, container.name).toMatch(/^\d+[MG]i$/);
    expect(kustomization.images.map(({ name }) => name)).toContain(container.image);
  }
});

test('kubectl builds all of it', { timeout: INSTALL_TIMEOUT_MS }, (context) => {
  const kubectl = findOrInstall(KUBECTL);
  // Nobody shall take for built what was not: a test that skips itself counts as failed, by name and with this reason.
  if (kubectl === null) return context.skip('kubectl is not there, so that nothing says that it builds');
  const { status, stdout, stderr } = spawnSync(kubectl, ['kustomize', baseFolder], { encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const kinds = stdout.match(/^kind: \w+$/gm) ?? [];
  expect(kinds.length).toBe(manifests.length + generated.size);
});

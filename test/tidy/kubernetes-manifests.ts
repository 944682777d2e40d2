/** The manifests of k8s/base as far as the tests read them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readYaml } from '../../runtime/src/config/yaml-file.ts';

export type Labels = Readonly<Record<string, string>>;

interface Probe {
  readonly httpGet?: { readonly port: string };
  readonly tcpSocket?: { readonly port: string };
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly resources: { readonly limits: { readonly memory: string } };
  readonly securityContext: object;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

interface Metadata {
  readonly name: string;
  readonly labels?: Labels;
}

export interface PodTemplate {
  readonly metadata: Metadata;
  readonly spec: PodSpec;
}

interface PodSpec {
  readonly securityContext: object;
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly { readonly name: string; readonly configMap?: { readonly name: string } }[];
}

interface Selector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly { readonly key: string; readonly values: readonly string[] }[];
}

/** What the specs of all kinds have, each its part. */
interface Spec extends PodSpec {
  readonly template?: PodTemplate;
  readonly selector?: Labels & Selector;
  readonly podSelector?: Selector;
  readonly ports?: readonly { readonly port: number; readonly targetPort: string }[];
  readonly ingress?: readonly {
    readonly from?: readonly { readonly podSelector?: Selector }[];
    readonly ports?: readonly { readonly port: string }[];
  }[];
}

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
  readonly spec?: Spec;
}

interface Kustomization {
  readonly resources: readonly string[];
  readonly configMapGenerator: readonly { readonly name: string; readonly files: readonly string[] }[];
  readonly images: readonly { readonly name: string }[];
}

export const baseFolder = fileURLToPath(new URL('../../k8s/base/', import.meta.url));

export function readBaseText(file: string): string {
  return readFileSync(join(baseFolder, file), 'utf8');
}

/** Reads the list and all that is listed; each file is one manifest. */
export function readBase(): { kustomization: Kustomization; manifests: readonly Manifest[] } {
  const read = (file: string): unknown => readYaml(readBaseText(file), file).layer;
  const kustomization = read('kustomization.yaml') as Kustomization;
  return { kustomization, manifests: kustomization.resources.map((file) => read(file) as Manifest) };
}

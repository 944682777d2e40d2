import { isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Document } from 'yaml';
import { ConfigError } from '../errors.ts';
import { isLayer } from './layer.ts';
import type { Layer } from './layer.ts';

/** A config file as it was read: its content, and where in it each key stands. */
export interface YamlFile {
  readonly layer: Layer;
  /** `pannier.yaml:12` for the line of the key, or of the nearest key above that the file has. */
  place(path: readonly PropertyKey[]): string;
}

/** @throws ConfigError when the text is not one YAML mapping */
export function readYaml(text: string, file: string): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    throw new ConfigError(`${file}:${line}:${col}: not valid YAML: ${error.message}`, { cause: error });
  }
  const content = toContent(document, file);
  // A section whose every line is commented out reads as null: the same as no section.
  const layer = Object.fromEntries(Object.entries(content).filter(([, section]) => section !== null));
  return {
    layer,
    place: (path) => {
      const offset = offsetOf(document, path);
      return offset === undefined ? file : `${file}:${lines.linePos(offset).line}`;
    },
  };
}

function toContent(document: Document, file: string): Layer {
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (error) {
    throw new ConfigError(
      `${file}: not valid YAML: ${error instanceof Error ? error.message : 'unreadable'}`,
      { cause: error },
    );
  }
  if (!isLayer(content))
    throw new ConfigError(`${file}: expected sections such as "server:", found no mapping`);
  return content;
}

function offsetOf(document: Document, path: readonly PropertyKey[]): number | undefined {
  let node: unknown = document.contents;
  let offset: number | undefined;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
      if (pair === undefined) break;
      offset = isScalar(pair.key) ? pair.key.range?.[0] : offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
      offset = isScalar(node) ? node.range?.[0] : offset;
    }
  }
  return offset;
}

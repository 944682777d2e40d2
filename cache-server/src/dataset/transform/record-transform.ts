/** What is done with records before they are cut: types, then the operator's expression or module. */
import { isAbsolute, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import jsonata from 'jsonata';
import type { Config } from '@pannier/runtime';
import type { RecordValue } from '@pannier/proto/partition-format';
import { DatasetError } from '../dataset-error.ts';
import { coerceFields } from './field-types.ts';
import type { FieldTypeName } from './field-types.ts';

type Settings = Pick<Config['datasets'][string], 'types' | 'transform' | 'onError'>;
type Rule = (value: unknown) => unknown;

/** Changes records batch by batch. */
export interface RecordTransform {
  /** True when it must be given all records at once. */
  readonly perDocument: boolean;
  /** @throws DatasetError `bad-rule` or `bad-document`, naming the record, unless such records are dropped */
  apply(records: RecordValue[]): RecordValue[] | Promise<RecordValue[]>;
  /** Records left out because a type or the rule failed on them. */
  readonly dropped: number;
}

/** @throws DatasetError `bad-rule` when the expression does not compile or the module cannot be loaded */
export async function openTransform(settings: Settings, baseDir: string): Promise<RecordTransform> {
  const rule = settings.transform === undefined ? undefined : await openRule(settings.transform, baseDir);
  return new Transform(settings, rule);
}

/** An expression compiled. @throws DatasetError `bad-rule` with its place */
export function compileExpression(text: string, what: string): jsonata.Expression {
  try {
    return jsonata(text);
  } catch (cause) {
    const { message, position } = cause as { message?: string; position?: number };
    throw new DatasetError('bad-rule', `${what} does not compile: ${message} (at ${position ?? '?'})`, {
      cause,
    });
  }
}

async function openRule(
  { expression, module }: NonNullable<Settings['transform']>,
  baseDir: string,
): Promise<Rule> {
  if (expression !== undefined) {
    const compiled = compileExpression(expression, 'the transform');
    return async (value) => (await compiled.evaluate(value)) as unknown;
  }
  const path = isAbsolute(module ?? '') ? (module ?? '') : join(baseDir, module ?? '');
  let loaded: { default?: unknown };
  try {
    loaded = (await import(pathToFileURL(path).href)) as { default?: unknown };
  } catch (cause) {
    throw new DatasetError('bad-rule', `module ${path} cannot be loaded: ${messageOf(cause)}`, { cause });
  }
  if (typeof loaded.default !== 'function')
    throw new DatasetError('bad-rule', `module ${path} has no default export that is a function`);
  return loaded.default as Rule;
}

class Transform implements RecordTransform {
  readonly perDocument: boolean;
  readonly #types: readonly (readonly [string, FieldTypeName])[];
  readonly #rule: Rule | undefined;
  readonly #drops: boolean;
  #records = 0;
  dropped = 0;

  constructor({ types, transform, onError }: Settings, rule: Rule | undefined) {
    this.perDocument = transform?.per === 'document';
    this.#types = Object.entries(types);
    this.#rule = rule;
    this.#drops = onError === 'drop';
  }

  apply(records: RecordValue[]): RecordValue[] | Promise<RecordValue[]> {
    const typed = this.#types.length === 0 ? records : this.#coerced(records);
    const first = this.#records + 1;
    this.#records += records.length;
    if (this.#rule === undefined) return typed;
    return this.perDocument
      ? this.#applyToAll(this.#rule, typed)
      : this.#applyToEach(this.#rule, typed, first);
  }

  #coerced(records: RecordValue[]): RecordValue[] {
    return records.filter((record, at) => {
      const field = coerceFields(record, this.#types);
      if (field === undefined) return true;
      const type = this.#types.find(([name]) => name === field)?.[1] ?? '';
      this.#fail('bad-document', `record ${this.#records + at + 1}: field ${field} is no ${type}`);
      return false;
    });
  }

  async #applyToEach(rule: Rule, records: readonly RecordValue[], first: number): Promise<RecordValue[]> {
    const changed: RecordValue[] = [];
    for (const [at, record] of records.entries()) {
      let result: unknown;
      try {
        const made = rule(record);
        result = made instanceof Promise ? ((await made) as unknown) : made;
      } catch (cause) {
        this.#fail('bad-rule', `the transform fails on record ${first + at}: ${messageOf(cause)}`, cause);
        continue;
      }
      // Nothing leaves a record out, a list makes several of it.
      if (Array.isArray(result)) for (const one of result as RecordValue[]) changed.push(plain(one));
      else if (result !== undefined) changed.push(plain(result as RecordValue));
    }
    return changed;
  }

  async #applyToAll(rule: Rule, records: readonly RecordValue[]): Promise<RecordValue[]> {
    let result: unknown;
    try {
      result = await rule(records);
    } catch (cause) {
      throw new DatasetError('bad-rule', `the transform fails on the document: ${messageOf(cause)}`, {
        cause,
      });
    }
    if (result === undefined) return [];
    return Array.isArray(result) ? (result as RecordValue[]).map(plain) : [plain(result as RecordValue)];
  }

  #fail(code: 'bad-rule' | 'bad-document', message: string, cause?: unknown): void {
    if (!this.#drops) throw new DatasetError(code, message, { cause });
    this.dropped += 1;
  }
}

/** JSONata marks its lists by properties of their own; a plain copy has none. */
function plain(value: RecordValue): RecordValue {
  return Array.isArray(value) ? [...(value as RecordValue[])] : value;
}

function messageOf(cause: unknown): string {
  if (cause instanceof Error) return cause.message;
  const { message } = (cause ?? {}) as { message?: unknown };
  return typeof message === 'string' ? message : String(cause);
}

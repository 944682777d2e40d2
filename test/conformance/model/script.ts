/** A sequence of steps: what is generated, run, shrunk and printed. */
import type { RequestControl, ResponseControl, Selection, Spelling } from './wire-head.ts';

/** What a resource of the origin answers with until it is told otherwise; durations in seconds. */
export interface Resource {
  readonly status: number | 'reset';
  readonly control?: ResponseControl;
  readonly spelling: Spelling;
  /** Behind Date; `garbage` for no date at all. */
  readonly expiresS?: number | 'garbage';
  /** Date minus the true time; left out for the true time. */
  readonly dateSkewS?: number | 'none';
  readonly ageS?: number;
  readonly etag?: 'strong' | 'weak';
  /** Before the time of the step. */
  readonly lastModifiedS?: number;
  readonly vary?: readonly string[];
  /** How long it thinks before it answers. */
  readonly delayS?: number;
  /** Whether it sends parts. */
  readonly ranges?: true;
}

/** What an unsafe request brings about. */
export interface Deed {
  readonly status: number | 'reset';
  readonly location?: Target;
  readonly contentLocation?: Target;
}

/** One of the two resources of a sequence, or one on another origin. */
export type Target = 0 | 1 | 'elsewhere';

/** Conditions of a client, about the last response that it got of the resource. */
export type Condition =
  | { readonly field: 'if-none-match'; readonly tag: 'last' | 'last-weak' | 'other' | 'list' | 'any' }
  | { readonly field: 'if-modified-since'; readonly time: 'last' | 'before' | 'now' };

export interface RequestStep {
  readonly kind: 'request';
  readonly target: 0 | 1;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  readonly control: RequestControl;
  readonly spelling: Spelling;
  readonly selection: Selection;
  readonly authorization?: true;
  readonly condition?: Condition;
  readonly range?: string;
  readonly ifRange?: 'last' | 'other';
  readonly deed?: Deed;
}

export type Step =
  | RequestStep
  /** `isNew`: the content changes, and with it the validators. */
  | {
      readonly kind: 'resource';
      readonly target: 0 | 1;
      readonly isNew: boolean;
      readonly resource: Resource;
    }
  | { readonly kind: 'clock'; readonly seconds: number }
  | { readonly kind: 'purge'; readonly target: 0 | 1 };

/** How the upstream of a sequence is configured: as by default, or with all request fields passed on and credentials by RFC 9111. */
export type Profile = 'plain' | 'open';

export interface Script {
  readonly profile: Profile;
  readonly steps: readonly Step[];
}

/** The step as a line to be read. */
export function stepText(step: Step): string {
  switch (step.kind) {
    case 'clock':
      return `clock +${step.seconds} s`;
    case 'purge':
      return `purge /${step.target}`;
    case 'resource':
      return `origin /${step.target} ${step.isNew ? 'changes' : 'keeps its content'}: ${valueText(step.resource)}`;
    case 'request': {
      const { kind: _kind, target, method, ...rest } = step;
      return `${method} /${target} ${valueText(rest)}`;
    }
  }
}

function valueText(value: object): string {
  return JSON.stringify(value).replaceAll(/"([\w-]+)":/g, '$1: ');
}

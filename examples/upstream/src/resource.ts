import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Answer } from './answer.ts';
import type { RequestTarget } from './request-target.ts';

/** What a resource gets to see of a request. */
export interface ResourceRequest extends RequestTarget {
  method: string;
  headers: IncomingHttpHeaders;
  /** For the few resources that read the body or the headers in their order. */
  message: IncomingMessage;
  /** Freshness of this answer, from the query or the controls, in seconds. */
  maxAgeS: number;
  /** Wall clock, in milliseconds since 1970. */
  nowMs: number;
}

/** One thing that the upstream serves. */
export interface Resource {
  /** As people write it, for the list that a 404 carries. */
  usage: string;
  /** The exact path; one that ends in `/` stands for everything below it. */
  path: string;
  /** Methods served; absent means any. */
  methods?: readonly string[];
  /** True answers the query parameter `status` itself, keeping its own headers. */
  ownsStatus?: boolean;
  /** True for the upstream's own pages: faults leave them alone and the statistics do not count them. */
  backstage?: boolean;
  answer(request: ResourceRequest): Answer | Promise<Answer>;
}

export const readMethods: readonly string[] = ['GET', 'HEAD'];

/** Finds the resource of a path. */
export function findResource(resources: readonly Resource[], path: string): Resource | undefined {
  return resources.find((resource) =>
    resource.path.endsWith('/') ? path.startsWith(resource.path) : path === resource.path,
  );
}

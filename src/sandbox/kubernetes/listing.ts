import { ApiError, badRequest, expired } from './api-error.ts';
import type { KubeObject } from './kube-object.ts';
import type { ResourceType } from './resource-types.ts';
import { fieldSelector, labelSelector, type Selector } from './selectors.ts';

export interface ListOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** At most this many items; the rest through `continue`. */
  readonly limit?: number;
  readonly continue?: string;
}

export interface ListResult {
  readonly items: readonly KubeObject[];
  readonly resourceVersion: string;
  /** Present when there is more. */
  readonly continue?: string;
  readonly remaining?: number;
}

/** Whether a list or a watch with these options means an object. @throws ApiError 400 for a selector that is wrong */
export function selectorOf(type: ResourceType, options: ListOptions): Selector {
  const { namespace } = options;
  const byLabels = labelSelector(options.labelSelector ?? '');
  const byFields = fieldSelector(type, options.fieldSelector ?? '');
  return (object) =>
    (namespace === undefined || object.metadata.namespace === namespace) && byLabels(object) && byFields(object);
}

/** One page of a list, ordered by namespace and name as etcd orders keys. */
export function listed(
  type: ResourceType,
  shelf: ReadonlyMap<string, KubeObject>,
  options: ListOptions,
  at: { readonly revision: number; readonly refuseCompacted: (revision: number) => void },
): ListResult {
  const isSelected = selectorOf(type, options);
  const token = options.continue ? readToken(options.continue) : null;
  if (token) refuseExpired(token.revision, at.refuseCompacted);
  const revision = token?.revision ?? at.revision;
  const keys = [...shelf.keys()].sort().filter((key) => {
    const object = shelf.get(key);
    return object !== undefined && isSelected(object) && (token === null || key > token.after);
  });
  const page = options.limit ? keys.slice(0, options.limit) : keys;
  const items = page.flatMap((key) => shelf.get(key) ?? []);
  const remaining = keys.length - page.length;
  const last = page.at(-1);
  if (remaining === 0 || last === undefined) return { items, resourceVersion: String(revision) };
  return { items, resourceVersion: String(revision), continue: writeToken({ revision, after: last }), remaining };
}

interface Token {
  readonly revision: number;
  readonly after: string;
}

function writeToken({ revision, after }: Token): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start: after })).toString('base64url');
}

function readToken(text: string): Token {
  try {
    const { rv, start } = JSON.parse(Buffer.from(text, 'base64url').toString()) as { rv: unknown; start: unknown };
    if (Number.isSafeInteger(rv) && typeof start === 'string') return { revision: rv as number, after: start };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw badRequest('continue key is not valid: encoded continue key is malformed');
}

function refuseExpired(revision: number, refuseCompacted: (revision: number) => void): void {
  try {
    refuseCompacted(revision);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw expired(
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.',
    );
  }
}

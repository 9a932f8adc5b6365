/** One thing that a migration relies on, and what was found of it. */
export interface Check {
  /** What is checked: the same word on every route. */
  readonly id: string;
  /** `fail` refuses a start. `unknown`: it could not be read, and `found` says why or which permission is missing. */
  readonly status: CheckStatus;
  /** With the place in front, in words for people. */
  readonly found: string;
  /** The same for programs; null where it is of no single field. */
  readonly at: Place | null;
  /** Why it matters. */
  readonly why: string;
  /** A command that can be pasted, null where none helps (or nothing needs help). */
  readonly remedy: string | null;
}

export const checkStatuses = ['pass', 'warn', 'fail', 'unknown'] as const;
export type CheckStatus = (typeof checkStatuses)[number];

export interface Place {
  /** `Service ack/istio-system/istio-ingressgateway`, `listener 80`, ... */
  readonly object: string;
  /** In the object's own spelling: an annotation's key, a field of the OpenAPI, a path of the spec. */
  readonly field: string;
  /** As it is written there; null where it is absent. */
  readonly value: string | null;
}

/** A kind of check as the page of all checks shows it. */
export interface CheckKind<Bad extends Exclude<CheckStatus, 'pass'> = Exclude<CheckStatus, 'pass'>> {
  readonly id: string;
  /** Rows of the table of pitfalls in the CLB's reference that it finds. */
  readonly rows: readonly string[];
  /** What must hold. */
  readonly asks: string;
  readonly why: string;
  /** What it can say beside `pass`. */
  readonly says: readonly Bad[];
}

/** Keeps the literal types of `says`, so that a check cannot say what its page does not. */
export function kindOf<const Bad extends Exclude<CheckStatus, 'pass'>>(kind: CheckKind<Bad>): CheckKind<Bad> {
  return kind;
}

/** What cannot be read cannot be moved: the one check that refuses a start although nothing wrong was seen. */
export const readableId = 'readable';

/** Whether a start would be refused for a check. */
export function isRefusing({ id, status }: Check): boolean {
  return status === 'fail' || (id === readableId && status === 'unknown');
}

interface Detail {
  readonly at?: Place;
  readonly remedy?: string | null;
}

export function pass({ id, why }: CheckKind, found: string, at: Place | null = null): Check {
  return { id, status: 'pass', found, at, why, remedy: null };
}

export function bad<Bad extends Exclude<CheckStatus, 'pass'>>(
  { id, why }: CheckKind<Bad>,
  status: NoInfer<Bad>,
  found: string,
  { at, remedy }: Detail = {},
): Check {
  return { id, status, found, at: at ?? null, why, remedy: remedy ?? null };
}

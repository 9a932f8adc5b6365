import * as v from 'valibot';
import type { InputProblem } from '../ports/errors.ts';
import { takeOutUnknownFields } from './unknown-fields.ts';

/** Where something is in a parsed value: `['spec', 'steps', 1, 'share']`. */
export type Path = readonly (string | number)[];

export interface PlacedProblem {
  readonly path: Path;
  readonly message: string;
  /** The key itself is wrong, not its value. */
  readonly isAtKey: boolean;
}

/** More are of no use to anybody, and a hostile file could hold thousands. */
export const problemsMax = 100;

export interface Checked<Output> {
  /** The checked value; null while there are problems. */
  readonly output: Output | null;
  /** What could be read all the same, so that rules over several fields can be checked as well. */
  readonly partial: unknown;
  readonly problems: readonly PlacedProblem[];
}

/** Checks a value against a schema and lists every mistake. */
export function check<Schema extends v.GenericSchema>(schema: Schema, value: unknown): Checked<v.InferOutput<Schema>> {
  const known = takeOutUnknownFields(schema, value);
  const result = v.safeParse(schema, known.value);
  const problems = [...known.problems, ...(result.issues ?? []).map(problemOf)].slice(0, problemsMax);
  return { output: problems.length === 0 && result.success ? result.output : null, partial: result.output, problems };
}

/** `spec.steps[1].share`; names that are no plain words are quoted. */
export function formatPath(path: Path): string {
  const text = path
    .map((part) => {
      if (typeof part === 'number') return `[${part}]`;
      return /^[A-Za-z_][\w-]{0,60}$/.test(part) ? `.${part}` : `[${JSON.stringify(part.slice(0, 120))}]`;
    })
    .join('');
  return text.replace(/^\./, '') || '(all of it)';
}

export function toInputProblem({ path, message }: PlacedProblem): InputProblem {
  return { path: formatPath(path), message };
}

function problemOf(issue: v.BaseIssue<unknown>): PlacedProblem {
  const items = issue.path ?? [];
  const path = items.map(({ key }) => (typeof key === 'number' ? key : String(key)));
  const isAtKey = items.at(-1)?.origin === 'key';
  if (isAtKey && issue.type === 'strict_object') return { path, message: 'is missing', isAtKey: false };
  if (issue.type === 'strict_object') {
    return { path, message: `must be an object with fields, not ${issue.received}`, isAtKey: false };
  }
  return { path, message: shorten(issue.message), isAtKey };
}

function shorten(message: string): string {
  return message.length > 300 ? `${message.slice(0, 297)}...` : message;
}

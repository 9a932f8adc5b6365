import * as v from 'valibot';
import { InvalidInputError } from '../ports/errors.ts';
import { formatPath, problemsMax } from './problems.ts';

/**
 * A body that another product sends, after a schema of what is needed of it: what else it says, in this version or a later
 * one, is left out. @throws InvalidInputError with every mistake
 */
export function checkForeign<Schema extends v.GenericSchema>(schema: Schema, value: unknown): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const problems = result.issues.slice(0, problemsMax).map(({ path, message }) => ({
    path: formatPath((path ?? []).map(({ key }) => (typeof key === 'number' ? key : String(key)))),
    message: message.slice(0, 300),
  }));
  throw new InvalidInputError(problems);
}

import * as v from 'valibot';

/**
 * One of several forms, chosen by the look of the value before it is checked: the messages are those of the form that
 * the person meant, where a union would list the complaints of all forms.
 */
export function choice<const Forms extends readonly v.GenericSchema[]>(
  forms: Forms,
  choose: (value: unknown) => Forms[number] | RefusedForm,
) {
  return { ...v.lazy((value) => choose(value) as Forms[number]), forms } satisfies Choice;
}

interface Choice {
  readonly forms: readonly v.GenericSchema[];
}

type RefusedForm = v.NeverSchema<string>;

/** The forms of a choice, null for every other schema. */
export function formsOf(schema: unknown): readonly v.GenericSchema[] | null {
  return typeof schema === 'object' && schema !== null && 'forms' in schema ? (schema as Choice).forms : null;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

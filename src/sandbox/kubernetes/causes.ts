import type { Cause } from './api-error.ts';
import type { Json } from './json.ts';

/** The wordings of `apimachinery/pkg/util/validation/field/errors.go`. */
export function invalidValue(field: string, value: Json | undefined, why: string): Cause {
  return { reason: 'FieldValueInvalid', message: `Invalid value: ${JSON.stringify(value ?? null)}: ${why}`, field };
}

export function required(field: string, why = ''): Cause {
  return { reason: 'FieldValueRequired', message: why === '' ? 'Required value' : `Required value: ${why}`, field };
}

export function duplicate(field: string, value: Json): Cause {
  return { reason: 'FieldValueDuplicate', message: `Duplicate value: ${JSON.stringify(value)}`, field };
}

export function unsupported(field: string, value: Json | undefined, supported: readonly string[]): Cause {
  const list = supported.map((each) => JSON.stringify(each)).join(', ');
  const message = `Unsupported value: ${JSON.stringify(value ?? null)}: supported values: ${list}`;
  return { reason: 'FieldValueNotSupported', message, field };
}

export function tooLong(field: string, limitBytes: number): Cause {
  return { reason: 'FieldValueTooLong', message: `Too long: may not be more than ${limitBytes} bytes`, field };
}

export function immutable(field: string, value: Json | undefined): Cause {
  return invalidValue(field, value, 'field is immutable');
}

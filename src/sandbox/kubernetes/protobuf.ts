import { badRequest } from './api-error.ts';
import type { Json, JsonObject } from './json.ts';

/** What a field number of a message holds. Names of messages stand for themselves in a schema. */
export type ProtoType = 'string' | 'bytes' | 'int' | 'bool' | 'intOrString' | 'stringMap' | 'bytesMap' | Message;

export interface Message {
  readonly [fieldNumber: number]: ProtoField;
}

export interface ProtoField {
  readonly name: string;
  readonly type: ProtoType;
  readonly isRepeated?: boolean;
}

const fieldsMax = 100_000;

interface RawField {
  readonly number: number;
  readonly value: bigint | Buffer;
}

/**
 * Decodes a message into what its JSON form would hold; unknown fields are skipped. Zero values are left out, because
 * Kubernetes writes every field that is not a pointer. @throws ApiError 400 for bytes that are no message
 */
export function decodeMessage(bytes: Buffer, message: Message): JsonObject {
  const fields = new Map<string, Json>();
  for (const { number, value } of rawFields(bytes)) {
    const field = message[number];
    if (!field) continue;
    const { name, type } = field;
    if (type === 'stringMap' || type === 'bytesMap') {
      fields.set(name, { ...(fields.get(name) as JsonObject | undefined), ...mapEntry(bytesOf(value), type) });
    } else if (field.isRepeated) {
      fields.set(name, [...((fields.get(name) as Json[] | undefined) ?? []), decodeValue(value, type)]);
    } else {
      const decoded = decodeValue(value, type);
      if (!isZero(decoded)) fields.set(name, decoded);
    }
  }
  return Object.fromEntries(fields);
}

function isZero(value: Json): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === '' || value === 0 || value === false;
}

function decodeValue(value: bigint | Buffer, type: ProtoType): Json {
  switch (type) {
    case 'string':
      return bytesOf(value).toString('utf8');
    case 'bytes':
      return bytesOf(value).toString('base64');
    case 'int':
      return Number(BigInt.asIntN(64, numberOf(value)));
    case 'bool':
      return numberOf(value) !== 0n;
    case 'intOrString':
      return decodeIntOrString(bytesOf(value));
    case 'stringMap':
    case 'bytesMap':
      return mapEntry(bytesOf(value), type);
    default:
      return decodeMessage(bytesOf(value), type);
  }
}

/** IntOrString: type = 1 (0 is a number), intVal = 2, strVal = 3. */
function decodeIntOrString(bytes: Buffer): Json {
  const fields = new Map(rawFields(bytes).map(({ number, value }) => [number, value]));
  const isText = numberOf(fields.get(1) ?? 0n) !== 0n;
  return isText ? bytesOf(fields.get(3) ?? Buffer.alloc(0)).toString('utf8') : Number(numberOf(fields.get(2) ?? 0n));
}

function mapEntry(bytes: Buffer, type: 'stringMap' | 'bytesMap'): JsonObject {
  const fields = new Map(rawFields(bytes).map(({ number, value }) => [number, bytesOf(value)]));
  const key = fields.get(1)?.toString('utf8') ?? '';
  const value = fields.get(2)?.toString(type === 'stringMap' ? 'utf8' : 'base64') ?? '';
  return Object.fromEntries([[key, value]]);
}

/** The fields on the wire: varints (type 0), fixed widths (1, 5) and bytes (2). */
function rawFields(bytes: Buffer): readonly RawField[] {
  const fields: RawField[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at];
      if (byte === undefined) throw malformed();
      at += 1;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw malformed();
  };
  const take = (length: number): Buffer => {
    if (length > bytes.length - at) throw malformed();
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    if (fields.length >= fieldsMax) throw malformed();
    const tag = Number(varint());
    const wire = tag & 7;
    if (wire === 0) fields.push({ number: tag >>> 3, value: varint() });
    else if (wire === 1) fields.push({ number: tag >>> 3, value: take(8) });
    else if (wire === 2) fields.push({ number: tag >>> 3, value: take(Number(varint())) });
    else if (wire === 5) fields.push({ number: tag >>> 3, value: take(4) });
    else throw malformed();
  }
  return fields;
}

function bytesOf(value: bigint | Buffer): Buffer {
  if (Buffer.isBuffer(value)) return value;
  throw malformed();
}

function numberOf(value: bigint | Buffer): bigint {
  if (typeof value === 'bigint') return value;
  throw malformed();
}

function malformed() {
  return badRequest('unable to decode the body: proto: illegal wireType or unexpected EOF');
}

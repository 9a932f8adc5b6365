/** An object as JSON carries it, and its parts for the next one that shares them. */
interface Written {
  readonly object: object;
  readonly text: string;
  /** What is read back from the text. */
  readonly value: object;
  /** By key; in a list by themselves, by what was read back, and by their place. */
  readonly parts: ReadonlyMap<unknown, Written> | null;
}

/** Record, snapshot and context, outbox and command: what is below them is written and read whole. */
const depthMax = 3;

/**
 * JSON of records, each of which shares most of its parts with the one before: a part is written and read once, and what is
 * read back shares it too. The texts are those of JSON.stringify, and what JSON does not carry is lost like there.
 */
export class SharedJson {
  readonly #newest = new Map<string, Written>();

  /** @param name records of the same name share their parts */
  write(name: string, record: object): { readonly text: string; readonly value: object } {
    const written = write(record, this.#newest.get(name) ?? null, 0);
    this.#newest.set(name, written);
    return written;
  }
}

function write(object: object, before: Written | null, depth: number): Written {
  if (before !== null && (before.object === object || before.value === object)) return before;
  if (depth < depthMax) {
    const known = before?.parts ?? null;
    return Array.isArray(object) ? writeList(object, known, depth + 1) : writeFields(object, known, depth + 1);
  }
  const text = JSON.stringify(object);
  return { object, text, value: JSON.parse(text), parts: null };
}

function writeList(list: readonly unknown[], before: ReadonlyMap<unknown, Written> | null, depth: number): Written {
  const parts = new Map<unknown, Written>();
  const value: unknown[] = [];
  let text = '';
  for (const [place, one] of list.entries()) {
    if (text !== '') text += ',';
    if (typeof one === 'object' && one !== null) {
      // A command that was changed shares its effect with the one that stood there before.
      const part = write(one, before?.get(one) ?? before?.get(place) ?? null, depth);
      parts.set(one, part).set(part.value, part).set(place, part);
      value.push(part.value);
      text += part.text;
    } else {
      const own = textOf(one) ?? 'null';
      value.push(JSON.parse(own));
      text += own;
    }
  }
  return { object: list, text: `[${text}]`, value, parts };
}

function writeFields(object: object, before: ReadonlyMap<unknown, Written> | null, depth: number): Written {
  const parts = new Map<unknown, Written>();
  const value: Record<string, unknown> = {};
  let text = '';
  for (const [key, one] of Object.entries(object)) {
    let own: string | null;
    if (typeof one === 'object' && one !== null) {
      const part = write(one, before?.get(key) ?? null, depth);
      parts.set(key, part);
      value[key] = part.value;
      own = part.text;
    } else {
      own = textOf(one);
      if (own === null) continue;
      value[key] = typeof one === 'number' ? JSON.parse(own) : one;
    }
    text += `${text === '' ? '' : ','}${keyText(key)}:${own}`;
  }
  // V8 keeps what was filled key by key as a slow dictionary, and what is copied as JSON.parse would make it.
  return { object, text: `{${text}}`, value: { ...value }, parts };
}

/** Null: JSON leaves it out. */
function textOf(value: unknown): string | null {
  if (value === null) return 'null';
  if (typeof value === 'number') return Number.isFinite(value) ? `${value}` : 'null';
  return JSON.stringify(value) ?? null;
}

/** Names of fields are plain words, almost always. */
function keyText(key: string): string {
  return /^\w+$/.test(key) ? `"${key}"` : JSON.stringify(key);
}

/** A value as JSON carries it: its text, and what is read back from that. */
interface Written {
  readonly text: string;
  readonly value: unknown;
}

/** Record, snapshot and context, outbox and command: what is below them is written and read whole. */
const depthMax = 3;

/**
 * JSON of records, each of which shares most of its parts with the one before: a part is written and read once, and what is
 * read back shares it too. The texts are those of JSON.stringify, and what JSON does not carry is lost like there.
 */
export class SharedJson {
  readonly #known = new WeakMap<object, Written>();

  write(value: object): Written {
    return this.#object(value, 0);
  }

  #object(value: object, depth: number): Written {
    const known = this.#known.get(value);
    if (known !== undefined) return known;
    const written = depth === depthMax ? whole(value) : this.#parts(value, depth + 1);
    this.#known.set(value, written);
    this.#known.set(written.value as object, written);
    return written;
  }

  #parts(value: object, depth: number): Written {
    return Array.isArray(value) ? this.#array(value, depth) : this.#fields(value, depth);
  }

  #array(array: readonly unknown[], depth: number): Written {
    const parts = array.map((one) => this.#any(one, depth) ?? none);
    return { text: `[${parts.map(({ text }) => text).join()}]`, value: parts.map((one) => one.value) };
  }

  #fields(object: object, depth: number): Written {
    let text = '';
    const value: Record<string, unknown> = {};
    for (const key of Object.keys(object)) {
      const part = this.#any((object as Readonly<Record<string, unknown>>)[key], depth);
      if (part === null) continue;
      text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${part.text}`;
      value[key] = part.value;
    }
    return { text: `{${text}}`, value };
  }

  /** Null: JSON leaves it out. */
  #any(value: unknown, depth: number): Written | null {
    if (typeof value === 'object' && value !== null) return this.#object(value, depth);
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined) return null;
    return { text, value: typeof value === 'number' ? JSON.parse(text) : value };
  }
}

const none: Written = { text: 'null', value: null };

function whole(value: object): Written {
  const text = JSON.stringify(value);
  return { text, value: JSON.parse(text) };
}

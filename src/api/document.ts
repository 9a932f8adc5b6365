import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParseOptions,
  parseAllDocuments,
  parseDocument,
} from 'yaml';
import { type InputProblem, InvalidInputError, messageOf } from '../ports/errors.ts';
import { formatPath, type Path, type PlacedProblem, problemsMax } from './problems.ts';

/** A migration file is some hundred bytes; what is longer is no migration file (design rule 12). */
export const documentBytesMax = 128 * 1024;
const aliasesMax = 50;
const depthMax = 40;

export interface SourceDocument {
  readonly value: unknown;
  /** 1-based line of a place; of the nearest thing around it where the place itself is missing. */
  lineOf(path: Path, isAtKey: boolean): number;
}

/**
 * Reads YAML or JSON.
 * @throws InvalidInputError with every syntax error and its line
 */
export function readDocument(text: string): SourceDocument {
  const lines = new LineCounter();
  return placed(
    readAll(text, () => [parseDocument(text, optionsWith(lines))], lines),
    lines,
  )[0] as SourceDocument;
}

/** kubectl reads YAML 1.1, where these are booleans: an annotation `on` without quotes is refused by the API server. */
const oldBooleans = {
  tag: 'tag:yaml.org,2002:bool',
  default: true,
  test: /^(?:y|yes|on|n|no|off)$/i,
  resolve: (text: string) => /^(?:y|yes|on)$/i.test(text),
} as const;

/**
 * Reads a stream of YAML documents, as manifests of Kubernetes are kept; those that hold nothing are left out.
 * @throws InvalidInputError with every syntax error and its line
 */
export function readDocuments(text: string): readonly SourceDocument[] {
  const lines = new LineCounter();
  const documents = readAll(
    text,
    () => [...parseAllDocuments(text, { ...optionsWith(lines), customTags: [oldBooleans] })],
    lines,
  );
  return placed(
    documents.filter(({ contents }) => contents !== null),
    lines,
  );
}

const documentsMax = 100;

function optionsWith(lineCounter: LineCounter) {
  // Repeated keys are found below, in one pass: the library compares each key with all others.
  return { lineCounter, uniqueKeys: false, logLevel: 'silent', prettyErrors: false } as const satisfies ParseOptions &
    Parameters<typeof parseDocument>[1];
}

function readAll(text: string, parse: () => readonly Document[], lines: LineCounter): readonly Document[] {
  if (Buffer.byteLength(text) > documentBytesMax) {
    throw new InvalidInputError([{ path: '(all of it)', message: `is larger than ${documentBytesMax / 1024} KB` }]);
  }
  const documents = parsed(parse);
  if (documents.length > documentsMax) throw notReadable(`has more than ${documentsMax} documents`);
  const lineAt = lineIn(lines);
  const errors = documents.flatMap((document) => syntaxErrors(document, lineAt)).slice(0, problemsMax);
  const repeats = errors.length > 0 ? [] : documents.flatMap((document) => repeatedKeys(document, lineAt));
  if (errors.length + repeats.length > 0) throw new InvalidInputError([...errors, ...repeats.slice(0, problemsMax)]);
  return documents;
}

function placed(documents: readonly Document[], lines: LineCounter): readonly SourceDocument[] {
  const lineAt = lineIn(lines);
  return documents.map((document) => ({
    value: toValue(document),
    lineOf: (path, isAtKey) => lineAt(offsetOf(document, path, isAtKey)),
  }));
}

function lineIn(lines: LineCounter): (offset: number) => number {
  return (offset) => Math.max(1, lines.linePos(offset).line);
}

/** A problem with its line in the document. */
export function withLine(document: SourceDocument, { path, message, isAtKey }: PlacedProblem): InputProblem {
  return { path: formatPath(path), line: document.lineOf(path, isAtKey), message };
}

function parsed(parse: () => readonly Document[]): readonly Document[] {
  try {
    return parse();
  } catch (error) {
    // The composer is recursive: thousands of open brackets exhaust the stack.
    if (error instanceof RangeError) throw notReadable('is nested too deeply');
    throw error;
  }
}

/** One error a line: what follows on the same line mostly follows from the first. */
function syntaxErrors(document: Document, lineAt: (offset: number) => number): readonly InputProblem[] {
  const byLine = new Map<number, InputProblem>();
  for (const { message, pos } of document.errors.slice(0, problemsMax)) {
    const line = lineAt(pos[0]);
    // The library catches its own overflow of the stack and lists it as an error of the text.
    const text = message.startsWith('Maximum call stack') ? 'is nested too deeply' : (message.split('\n')[0] ?? '');
    if (!byLine.has(line)) byLine.set(line, { path: '(syntax)', line, message: text });
  }
  return [...byLine.values()];
}

function toValue(document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: aliasesMax });
  } catch (error) {
    // The library's own answers to an alias without anchor and to aliases that multiply.
    if (error instanceof ReferenceError || error instanceof RangeError) throw notReadable(messageOf(error));
    throw error;
  }
}

function notReadable(message: string): InvalidInputError {
  return new InvalidInputError([{ path: '(syntax)', line: 1, message }]);
}

/** Keys that stand twice in one map (`80` and `"80"` are one key), and nesting beyond the limit. */
function repeatedKeys(document: Document, lineAt: (offset: number) => number): readonly InputProblem[] {
  const problems: InputProblem[] = [];
  const search = (node: unknown, path: Path): void => {
    if (problems.length >= problemsMax) return;
    const line = lineAt((node as Node | null)?.range?.[0] ?? 0);
    if (path.length > depthMax) {
      problems.push({ path: formatPath(path.slice(0, 5)), line, message: `is nested deeper than ${depthMax}` });
    } else if (isSeq(node)) {
      for (const [index, item] of node.items.entries()) search(item, [...path, index]);
    } else if (isMap(node)) {
      const seen = new Set<string>();
      for (const { key, value } of node.items) {
        const name = isScalar(key) ? String(key.value) : '(a key that is no text)';
        if (seen.has(name) || !isScalar(key)) {
          const message = isScalar(key) ? 'stands twice here' : 'must be a text';
          problems.push({ path: formatPath([...path, name]), line: lineAt((key as Node)?.range?.[0] ?? 0), message });
        }
        seen.add(name);
        search(value, [...path, name]);
      }
    }
  };
  search(document.contents, []);
  return problems;
}

function offsetOf(document: Document, path: Path, isAtKey: boolean): number {
  let node: unknown = resolve(document, document.contents);
  let offset = (node as Node | null)?.range?.[0] ?? 0;
  for (const [depth, part] of path.entries()) {
    const isLast = depth === path.length - 1;
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
      if (!pair) return offset;
      // The key's line is the one people look for: a value may begin a line further down.
      offset = (pair.key as Node).range?.[0] ?? offset;
      if (isLast && isAtKey) return offset;
      node = resolve(document, pair.value);
      if (isLast && isScalar(node)) offset = node.range?.[0] ?? offset;
    } else if (isSeq(node)) {
      const item = node.items[Number(part)];
      offset = (item as Node | undefined)?.range?.[0] ?? offset;
      node = resolve(document, item);
    } else {
      return offset;
    }
  }
  return offset;
}

function resolve(document: Document, node: unknown): unknown {
  return isAlias(node) ? (node.resolve(document) ?? node) : node;
}

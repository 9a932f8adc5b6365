/** One URL that source and target must answer alike before the first step. */
export interface PathSpec {
  /** As it stands in the file, for people. */
  readonly url: string;
  /** Whether clients speak TLS. */
  readonly isTls: boolean;
  /** Host header, and SNI where `isTls`. */
  readonly host: string;
  /** The Service port whose endpoints are asked. */
  readonly port: number;
  readonly path: string;
  /** Response headers that must be equal, in lower case. */
  readonly headers: readonly string[];
  /** Whether the bodies must be equal, byte for byte. */
  readonly comparesBody: boolean;
  /** So much longer than the source the target may take. */
  readonly slowerMs: number;
  readonly timeoutMs: number;
  /** A difference is told and refuses nothing. */
  readonly isAllowed: boolean;
}

/** What one side answered, as far as it is compared; or why there is no answer. */
export type PathAnswer =
  | {
      readonly status: number;
      /** By the names in `PathSpec.headers`; null where the answer has none. */
      readonly headers: Readonly<Record<string, string | null>>;
      /** Null where bodies are not compared. */
      readonly bodyHash: string | null;
      readonly ms: number;
    }
  | { readonly failure: string };

/** How the target's answers differ from the source's, in words, each once; empty where they are alike. */
export function differencesAt(
  spec: PathSpec,
  rounds: readonly { readonly source: PathAnswer; readonly target: PathAnswer }[],
): readonly string[] {
  const found = rounds.flatMap(({ source, target }) => differencesIn(spec, source, target));
  const late = lateness(rounds);
  const isSlow = late !== null && late > spec.slowerMs;
  return [...new Set([...found, ...(isSlow ? [`${late} ms slower, more than ${spec.slowerMs} ms`] : [])])];
}

/** Of the fastest answers of each: the others had to wait for something that has nothing to do with the gateways. */
function lateness(rounds: readonly { readonly source: PathAnswer; readonly target: PathAnswer }[]): number | null {
  const [source, target] = [fastest(rounds.map((one) => one.source)), fastest(rounds.map((one) => one.target))];
  return source === null || target === null ? null : target - source;
}

/** Milliseconds of the fastest answer, null where there is none. */
export function fastest(answers: readonly PathAnswer[]): number | null {
  const times = answers.flatMap((answer) => ('failure' in answer ? [] : [answer.ms]));
  return times.length === 0 ? null : Math.min(...times);
}

function differencesIn(spec: PathSpec, source: PathAnswer, target: PathAnswer): readonly string[] {
  if ('failure' in source) {
    return 'failure' in target ? [] : [`the source gives no answer (${source.failure}), the target ${target.status}`];
  }
  if ('failure' in target) return [`no answer (${target.failure}), and not ${source.status}`];
  const headers = spec.headers.filter((name) => source.headers[name] !== target.headers[name]);
  return [
    ...(source.status === target.status ? [] : [`status ${target.status}, and not ${source.status}`]),
    ...headers.map((name) => `${name} ${shown(target.headers[name])}, and not ${shown(source.headers[name])}`),
    ...(source.bodyHash === target.bodyHash ? [] : ['another body']),
  ];
}

function shown(value: string | null | undefined): string {
  return value == null ? 'absent' : `"${value}"`;
}
